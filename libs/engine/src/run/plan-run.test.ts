import { toDeliveredEvent } from '@perdure/protocol';
import { aFlowControl, aFunction, anEvent, TEST_START_AT } from '@perdure/testing';
import type { FlowControl, JsonObject } from '@perdure/domain';
import type { ScheduleArgs } from '@perdure/store';
import { describe, expect, test } from 'vitest';
import { functionLimits } from '../function/function-limits.ts';
import { PRIORITY_MAX_S, planRun } from './plan-run.ts';

const now = TEST_START_AT;

function plan(
  flow: Partial<FlowControl>,
  data: JsonObject = {},
  more: { id?: string; ts?: number; slug?: string } = {},
): ScheduleArgs {
  const { slug, ...eventFacts } = more;
  const fn = aFunction({ flow: aFlowControl(flow), ...(slug !== undefined && { id: slug, slug }) });
  const event = anEvent({ data, ...eventFacts });
  return planRun({ fn, event, delivered: toDeliveredEvent(event), eventsJson: '[]', runId: 'run', now });
}

describe('identity', () => {
  test('the dedup key is that of the event ID: equal for equal IDs, else the event itself', () => {
    expect(plan({}, {}, { id: 'a' }).dedupKey).toBe(plan({}, {}, { id: 'a' }).dedupKey);
    expect(plan({}, {}, { id: 'a' }).dedupKey).not.toBe(plan({}, {}, { id: 'b' }).dedupKey);
    expect(plan({}).dedupKey).not.toBe(plan({}).dedupKey);
  });

  test('an idempotency expression without a value deduplicates nothing', () => {
    expect(plan({ idempotency: 'event.data.cart' }, { cart: 'c1' }).idempotencyKey).toBeDefined();
    expect(plan({ idempotency: 'event.data.cart' }).idempotencyKey).toBeUndefined();
  });
});

describe('time and order', () => {
  test('a time ahead delays the start, one in the past does not', () => {
    expect(plan({}, {}, { ts: now + 5_000 }).notBefore).toBe(now + 5_000);
    expect(plan({}, {}, { ts: now - 5_000 }).notBefore).toBe(now);
  });

  test('a priority from JSON counts, is cut to whole seconds and to the bounds', () => {
    const priority = (value: JsonObject[string]): number => plan({ priority: 'event.data.p' }, { p: value }).priority;

    expect(priority(120)).toBe(120);
    expect(priority(1.9)).toBe(1);
    expect(priority(1e9)).toBe(PRIORITY_MAX_S);
    expect(priority('high')).toBe(0);
  });
});

describe('constraints', () => {
  const keyed = { limit: 1, scope: 'fn' as const, key: 'event.data.user' };

  test('equal values of a key share a counter, other values have their own', () => {
    const counter = (user: string): string[] | undefined => plan({ concurrency: [keyed] }, { user }).keys.keyed;

    expect(counter('u1')).toEqual(counter('u1'));
    expect(counter('u1')).not.toEqual(counter('u2'));
  });

  test('a key of account scope is shared by functions that write the same expression', () => {
    const shared = { limit: 1, scope: 'account' as const, key: '"openai"' };
    const other = { ...shared, key: '"open" + "ai"' };

    const counters = (limit: typeof shared, slug: string) => plan({ concurrency: [limit] }, {}, { slug }).keys.keyed;
    expect(counters(shared, 'a')).toEqual(counters(shared, 'b'));
    expect(counters(shared, 'a')).not.toEqual(counters(other, 'c'));
    expect(counters({ ...shared, scope: 'fn' as 'account' }, 'a')).not.toEqual(
      counters({ ...shared, scope: 'fn' as 'account' }, 'b'),
    );
  });

  test('runs whose throttle key is missing share a bucket', () => {
    const throttle = { limit: 1, burst: 0, periodMs: 1_000, key: 'event.data.customer' };

    expect(plan({ throttle }).keys.throttle).toBe(plan({ throttle }, { customer: null }).keys.throttle);
    expect(plan({ throttle }).keys.throttle).not.toBe(plan({ throttle }, { customer: 'x' }).keys.throttle);
  });

  test('a rate limit whose key is missing or false does not apply', () => {
    const rateLimit = { limit: 1, periodMs: 1_000, key: 'event.data.customer' };

    expect(plan({ rateLimit }, { customer: 'x' }).rateLimit).toMatchObject({ limit: 1, periodMs: 1_000 });
    expect(plan({ rateLimit }).rateLimit).toBeUndefined();
    expect(plan({ rateLimit }, { customer: false }).rateLimit).toBeUndefined();
  });

  test('a singleton whose key is missing is none', () => {
    expect(plan({ singleton: { mode: 'skip', key: 'event.data.user' } }).singleton).toBeUndefined();
    expect(plan({ singleton: { mode: 'skip' } }).singleton).toBeDefined();
  });

  test('the numbers of a function are those of its limits', () => {
    const fn = aFunction({
      flow: aFlowControl({ concurrency: [keyed, { limit: 7, scope: 'fn' }], runConcurrency: { limit: 2 } }),
    });

    expect(functionLimits(fn)).toMatchObject({ concurrency: 7, keyed: [1], run: 2 });
  });
});
