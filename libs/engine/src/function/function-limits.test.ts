import { type FlowControl, type JsonObject, ulidTimeMs } from '@perdure/domain';
import { aFlowControl, aFunction, anEvent, TEST_START_AT } from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { constraintKeys, keysIdOf } from './constraint-keys.ts';
import { functionLimits } from './function-limits.ts';

const a = (flow: Partial<FlowControl>) => aFunction({ flow: aFlowControl(flow) });
const EVERYTHING = a({
  concurrency: [
    { limit: 1, scope: 'fn', key: 'event.data.user' },
    { limit: 5, scope: 'account', key: '"openai"' },
    { limit: 20, scope: 'fn' },
  ],
  runConcurrency: { limit: 2 },
  throttle: { limit: 1, burst: 0, periodMs: 1_000, key: 'event.data.user' },
});

describe('limits', () => {
  test('are those of the registration, capped, where nobody overrides them', () => {
    expect(functionLimits(EVERYTHING)).toMatchObject({
      version: 1,
      weight: 1,
      concurrency: 20,
      keyed: [5, 1],
      run: 2,
      throttle: { limit: 1, burst: 0, periodMs: 1_000 },
    });
    expect(functionLimits(a({ concurrency: [{ limit: 9_999, scope: 'fn' }] })).concurrency).toBe(1_000);
    expect(functionLimits(a({}))).not.toHaveProperty('revision');
  });

  test('an override takes the place of its number, and no other', () => {
    const limits = {
      concurrency: 9_999,
      keyed: [{ scope: 'fn' as const, key: 'event.data.user', limit: 7 }],
      run: 3,
      throttle: { burst: 4 },
      backlogMax: 10,
      weight: 0.5,
    };

    expect(functionLimits(EVERYTHING, { limits, revision: 4 })).toMatchObject({
      revision: 4,
      weight: 0.5,
      concurrency: 9_999,
      keyed: [5, 7],
      run: 3,
      throttle: { limit: 1, burst: 4, periodMs: 1_000 },
      backlogMax: 10,
    });
  });

  test('overrides of what a newer version does not limit any more change nothing', () => {
    const limits = {
      keyed: [{ scope: 'fn' as const, key: 'event.data.user', limit: 7 }],
      run: 3,
      throttle: { limit: 1 },
    };

    const { revision, ...now } = functionLimits(a({}), { limits, revision: 1 });

    expect(now).toEqual(functionLimits(a({})));
    expect(revision).toBe(1);
  });

  test('without overrides the revision tells that there were some', () => {
    expect(functionLimits(a({}), { revision: 2 })).toEqual({ ...functionLimits(a({})), revision: 2 });
  });
});

describe('keys', () => {
  const swapped = a({
    ...EVERYTHING.flow,
    concurrency: [
      { limit: 50, scope: 'account', key: '"openai"' },
      { limit: 99, scope: 'fn', key: 'event.data.user' },
    ],
  });
  const data: JsonObject = { user: 'u1' };

  test('numbers change neither keys nor their order', () => {
    const keysOf = (fn: typeof EVERYTHING) => constraintKeys(fn, { data }, TEST_START_AT);

    expect(keysOf(swapped)).toEqual(keysOf(EVERYTHING));
    expect(keysIdOf(swapped)).toBe(keysIdOf(EVERYTHING));
    expect(functionLimits(swapped).keyed).toEqual([50, 99]);
    expect(functionLimits(swapped, { limits: { keyed: [] }, revision: 1 }).keysId).toBe(keysIdOf(EVERYTHING));
  });

  const { throttle, runConcurrency } = EVERYTHING.flow;
  const one = { limit: 1, scope: 'fn' as const };
  test.each<[string, Partial<FlowControl>, Partial<FlowControl>]>([
    ['another key of concurrency', { concurrency: [{ ...one, key: 'a' }] }, { concurrency: [{ ...one, key: 'b' }] }],
    ['another scope', { concurrency: [{ ...one, key: 'a' }] }, { concurrency: [{ limit: 1, scope: 'env', key: 'a' }] }],
    ['a limit more', {}, { concurrency: [{ ...one, key: 'a' }] }],
    ['a throttle', {}, { throttle: { limit: 1, burst: 0, periodMs: 1 } }],
    ['a throttle with another key', { throttle: { ...throttle!, key: 'a' } }, { throttle: { ...throttle!, key: 'b' } }],
    ['a limit of runs', {}, { runConcurrency: { limit: 1 } }],
    ['a limit of runs with a key', { runConcurrency: runConcurrency! }, { runConcurrency: { limit: 2, key: 'a' } }],
    ['the key of another limit', { throttle: { ...throttle!, key: 'a' } }, { runConcurrency: { limit: 2, key: 'a' } }],
  ])('%s is another set of keys', (_title, before, after) => {
    expect(keysIdOf(a(after))).not.toBe(keysIdOf(a(before)));
  });

  test('what keys nothing makes no other set of keys', () => {
    const more = { priority: '1', rateLimit: { limit: 1, periodMs: 1, key: 'event.data.x' }, timeouts: { startMs: 1 } };

    expect(keysIdOf({ ...EVERYTHING, version: 2, flow: { ...EVERYTHING.flow, ...more } })).toBe(keysIdOf(EVERYTHING));
  });

  test('keys are the same whenever they are evaluated for the same instant', () => {
    const event = anEvent({ data });
    const keys = () => constraintKeys(EVERYTHING, { data: event.data }, ulidTimeMs(event.internalId));

    expect(keys()).toEqual(keys());
    expect(keys().keyed).toHaveLength(2);
  });
});
