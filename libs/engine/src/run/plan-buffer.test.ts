import type { FlowControl, JsonObject } from '@perdure/domain';
import { INTERNAL_EVENTS } from '@perdure/domain';
import { toDeliveredEvent } from '@perdure/protocol';
import { aFlowControl, aFunction, anEvent, TEST_START_AT } from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { planBuffer } from './plan-buffer.ts';

/** Fails for what is no date. */
const DATE = 'date(event.data.at)';

function plan(flow: Partial<FlowControl>, data: JsonObject = {}, facts: { name?: string; ts?: number } = {}) {
  const event = anEvent({ data, ...facts });
  return planBuffer(aFunction({ flow: aFlowControl(flow) }), event, toDeliveredEvent(event), TEST_START_AT);
}

function keyOf(flow: Partial<FlowControl>, data: JsonObject = {}): string | undefined {
  const planned = plan(flow, data);
  return planned.kind === 'buffer' ? planned.spec.key : undefined;
}

test('a function that neither debounces nor batches has a run of each event', () => {
  expect(plan({})).toEqual({ kind: 'none' });
});

describe('debounce', () => {
  const debounce = { periodMs: 2_000, key: 'event.data.user' };

  test('the store is told the periods and the time of the event', () => {
    const ts = TEST_START_AT - 5;

    expect(plan({ debounce: { periodMs: 2_000, timeoutMs: 5_000 } }, {}, { ts })).toEqual({
      kind: 'buffer',
      spec: { kind: 'debounce', key: expect.any(String), periodMs: 2_000, timeoutMs: 5_000, eventAt: ts },
    });
  });

  test('[E105] each value of the key has a buffer; so have missing, false and failing ones', () => {
    const keys = [{ user: 'a' }, { user: 'b' }, {}, { user: false }].map((data) => keyOf({ debounce }, data));
    const failing = { debounce: { periodMs: 1_000, key: DATE } };

    expect(new Set(keys).size).toBe(4);
    expect(keyOf({ debounce }, { user: 'a' })).toBe(keys[0]);
    expect(keyOf({ debounce }, { user: null })).toBe(keys[2]);
    expect(keyOf(failing, { at: 'garbage' })).toBe(keyOf(failing, { at: 'rubbish' }));
    expect(keyOf(failing, { at: 'garbage' })).not.toBe(keyOf(failing, { at: '2021-01-01T00:00:00Z' }));
  });

  test('ticks are debounced too', () => {
    expect(plan({ debounce }, {}, { name: INTERNAL_EVENTS.cronTick })).toMatchObject({ kind: 'buffer' });
  });
});

describe('batch', () => {
  const batch = { sizeMax: 3, timeoutMs: 5_000 };

  test('the store is told when it is full', () => {
    expect(plan({ batch })).toEqual({
      kind: 'buffer',
      spec: { kind: 'batch', key: expect.any(String), eventsMax: 3, bytesMax: 10 * 1024 * 1024, timeoutMs: 5_000 },
    });
  });

  test('[E108] an event for which the condition does not hold, or fails, has a run of its own', () => {
    const bulk = { batch: { ...batch, if: 'event.data.bulk == true' } };

    expect(plan(bulk, { bulk: true })).toMatchObject({ kind: 'buffer' });
    expect(plan(bulk, { bulk: false })).toEqual({ kind: 'none' });
    expect(plan(bulk)).toEqual({ kind: 'none' });
    expect(plan({ batch: { ...batch, if: `${DATE} > date("2020-01-01")` } }, { at: 'garbage' })).toEqual({
      kind: 'none',
    });
  });

  test('[E111] an event whose key fails has a run of its own, and it is said why', () => {
    const keyed = { batch: { ...batch, key: DATE } };

    expect(plan(keyed, { at: 'garbage' })).toEqual({ kind: 'none', problem: expect.any(String) });
    expect(keyOf({ batch: { ...batch, key: 'event.data.x' } })).not.toBe(
      keyOf({ batch: { ...batch, key: 'event.data.x' } }, { x: false }),
    );
  });

  test('a tick has a run of its own', () => {
    expect(plan({ batch }, {}, { name: INTERNAL_EVENTS.cronTick })).toEqual({ kind: 'none' });
  });
});
