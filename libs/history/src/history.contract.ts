import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { DEFAULT_ENV_ID, encodeUlid, type EpochMs, type Event, type RunStatus } from '@perdure/domain';
import { anEvent, TEST_START_AT } from '@perdure/testing';

import type { EventOutcomeRecord, EventRecord, History, RunHistory } from './history.ts';

/** Opens an empty history; what was opened before is closed. */
export type OpenHistory = () => Promise<History>;

const AT = TEST_START_AT;
let made = 0;

function aUlid(at: EpochMs): string {
  const entropy = new Uint8Array(10);
  new DataView(entropy.buffer).setUint32(6, ++made);
  return encodeUlid(at, entropy);
}

function aRecord(facts: Partial<Event> & { streamSeq?: number; envId?: string } = {}): EventRecord {
  const { streamSeq = ++made, envId = DEFAULT_ENV_ID, ...event } = facts;
  return { event: anEvent(event), envId, streamSeq };
}

function aRun(facts: Partial<RunHistory> = {}): RunHistory {
  return {
    runId: aUlid(facts.scheduledAt ?? AT),
    functionId: '11111111-1111-5111-9111-111111111111',
    functionVersion: 1,
    appId: '22222222-2222-5222-9222-222222222222',
    envId: DEFAULT_ENV_ID,
    status: 'Scheduled',
    eventIds: [aUlid(AT)],
    scheduledAt: AT,
    ...facts,
  };
}

/** What every driver of history must show. */
export function describeHistory(name: string, open: OpenHistory): void {
  describe(`history ${name}`, () => {
    let history: History;

    beforeEach(async () => {
      history = await open();
    });

    afterEach(() => history.close());

    const idsOf = (records: EventRecord[]): string[] => records.map(({ event }) => event.internalId);
    const list = (query: Partial<Parameters<History['listEvents']>[0]> = {}): Promise<EventRecord[]> =>
      history.listEvents({ envId: DEFAULT_ENV_ID, eventsMax: 100, ...query });

    describe('events', () => {
      test('an event is found as it was recorded', async () => {
        const record = aRecord({
          name: 'shop/order.created',
          id: 'order-1',
          data: { total: 12.5, items: [{ sku: 'ä😀' }], none: null, zero: 'a\u0000b', half: '\ud800' },
          user: { email: 'a@example.com' },
          ts: AT - 5,
          v: '2',
          meta: { sessions: [{ key: 'k', id: 'i' }] },
        });

        await history.record({ events: [record] });

        expect(await history.findEvent(record.event.internalId)).toEqual(record);
        expect(await history.findEvent(aUlid(AT))).toBeUndefined();
      });

      test('text that Postgres cannot keep costs a replacement character, not the batch', async () => {
        const odd = aRecord({ name: 'a\u0000b', id: 'half \ud800' });
        const plain = aRecord();

        await history.record({ events: [odd, plain] });

        expect((await history.findEvent(odd.event.internalId))?.event).toMatchObject({
          name: 'a\uFFFDb',
          id: 'half \uFFFD',
        });
        expect(await history.findEvent(plain.event.internalId)).toEqual(plain);
      });

      test('recording a batch again changes nothing', async () => {
        const records = [aRecord(), aRecord()];
        await history.record({ events: records });

        await history.record({ events: [...records, ...records] });

        expect(await list()).toEqual(records.toReversed());
      });

      test('[H15] the same ID received twice is listed twice, and the first receipt is found', async () => {
        const first = aRecord({ streamSeq: 7, data: { copy: 1 } });
        const second = { ...first, streamSeq: 9, event: { ...first.event, receivedAt: AT + 50, data: { copy: 2 } } };

        await history.record({ events: [second] });
        await history.record({ events: [first] });

        expect(await list()).toEqual([second, first]);
        expect(await history.findEvent(first.event.internalId)).toEqual(first);
      });

      test('two events with one external ID are both listed', async () => {
        const records = [aRecord({ id: 'order-1' }), aRecord({ id: 'order-1' })];

        await history.record({ events: records });

        expect(await list()).toEqual(records.toReversed());
      });

      test('events are listed newest first, in pages that do not overlap', async () => {
        const records = Array.from({ length: 7 }, (_, index) => aRecord({ receivedAt: AT + index }));
        await history.record({ events: records.toReversed() });

        const first = await list({ eventsMax: 3 });
        const second = await list({ eventsMax: 3, before: first[2]?.event.internalId ?? '' });
        const third = await list({ eventsMax: 3, before: second[2]?.event.internalId ?? '' });

        expect(idsOf([...first, ...second, ...third])).toEqual(idsOf(records.toReversed()));
      });

      test('names of the platform are listed only when asked for', async () => {
        const own = aRecord({ name: 'inngest/function.finished' });
        const similar = aRecord({ name: 'inngestion/started' });
        const users = aRecord({ name: 'shop/order.created' });
        await history.record({ events: [own, similar, users] });

        expect(await list()).toEqual([users, similar]);
        expect(await list({ name: 'inngest/function.finished' })).toEqual([own]);
        expect(await list({ name: 'shop/order.created' })).toEqual([users]);
        expect(await list({ name: 'shop/order' })).toEqual([]);
      });

      test('a window of time excludes its ends, and an environment sees its own', async () => {
        const records = [0, 10, 20].map((ms) => aRecord({ receivedAt: AT + ms }));
        const elsewhere = aRecord({ envId: 'another' });
        await history.record({ events: [...records, elsewhere] });

        expect(await list({ receivedAfter: AT, receivedBefore: AT + 20 })).toEqual([records[1]]);
        expect(await list({ envId: 'another' })).toEqual([elsewhere]);
      });

      test('the time of receipt decides about the window, whatever time the sender seeded the ID with', async () => {
        const day = 86_400_000;
        const old = aRecord({ internalId: aUlid(AT - 900 * day), receivedAt: AT });
        const future = aRecord({ internalId: aUlid(AT + 900 * day), receivedAt: AT });
        const usual = aRecord({ receivedAt: AT });
        await history.record({ events: [old, future, usual] });

        expect(await list({ receivedAfter: AT - 1, receivedBefore: AT + 1 })).toEqual([future, usual, old]);
        expect(await list({ receivedAfter: AT - 1, before: future.event.internalId })).toEqual([usual, old]);
        expect(await list({ receivedAfter: AT })).toEqual([]);
      });
    });

    describe('outcomes', () => {
      test('each kind is listed as it was recorded, by function', async () => {
        const eventId = aUlid(AT);
        const outcomes: EventOutcomeRecord[] = [
          { eventId, functionId: 'f1', at: AT, outcome: { kind: 'duplicate', runId: 'r1' } },
          { eventId, functionId: 'f2', at: AT, outcome: { kind: 'idempotent', runId: 'r2' } },
          { eventId, functionId: 'f3', at: AT, outcome: { kind: 'rate_limited' } },
          { eventId, functionId: 'f4', at: AT, outcome: { kind: 'expression_error', message: 'no such key' } },
          { eventId, functionId: 'f5', at: AT, outcome: { kind: 'schedule_failed', message: 'store is full' } },
        ];

        await history.record({ outcomes: outcomes.toReversed() });
        await history.record({ outcomes });

        expect(await history.listOutcomes(eventId)).toEqual(outcomes);
        expect(await history.listOutcomes(aUlid(AT))).toEqual([]);
      });

      test('of two outcomes for one event and function the newer one counts, in whatever order they come', async () => {
        const facts = { eventId: aUlid(AT), functionId: 'f' };
        const older: EventOutcomeRecord = { ...facts, at: AT, outcome: { kind: 'schedule_failed', message: 'down' } };
        const newer: EventOutcomeRecord = { ...facts, at: AT + 1, outcome: { kind: 'duplicate', runId: 'r' } };

        await history.record({ outcomes: [newer, older] });
        await history.record({ outcomes: [older] });

        expect(await history.listOutcomes(facts.eventId)).toEqual([newer]);
      });
    });

    describe('runs', () => {
      test('a run is found as it was recorded', async () => {
        const run = aRun({
          status: 'Failed',
          functionVersion: 3,
          eventIds: [aUlid(AT), aUlid(AT + 1)],
          batchId: aUlid(AT),
          cron: 'TZ=UTC 0 9 * * *',
          originalRunId: aUlid(AT - 1),
          startedAt: AT + 5,
          endedAt: AT + 9,
          output: '{"name":"Error","message":"a\\u0000b"}',
          reason: 'StateOverflowed',
        });
        const skipped = aRun({ status: 'Skipped', skipReason: 'Singleton', endedAt: AT });

        await history.record({ runs: [run, skipped] });

        expect(await history.findRun(run.runId)).toEqual(run);
        expect(await history.findRun(skipped.runId)).toEqual(skipped);
        expect(await history.findRun(aUlid(AT))).toBeUndefined();
      });

      test('the runs of an event are listed, those of batches too', async () => {
        const eventId = aUlid(AT);
        const single = aRun({ eventIds: [eventId] });
        const batch = aRun({ eventIds: [aUlid(AT), eventId, aUlid(AT)] });

        await history.record({ runs: [batch, single, aRun()] });

        expect(await history.listRunsOfEvent(eventId)).toEqual([single, batch]);
        expect(await history.listRunsOfEvent(aUlid(AT))).toEqual([]);
      });

      /** Everything that is ever recorded of one run, in order. */
      function lifeOf(run: RunHistory, ended: Partial<RunHistory>): Parameters<History['record']>[0][] {
        return [
          { runs: [run] },
          { started: [{ runId: run.runId, at: AT + 5 }] },
          { runs: [{ ...run, status: 'Completed', startedAt: AT + 5, ...ended }] },
        ];
      }

      test.each([
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
      ])('records of a run end up the same in the order %i, %i, %i, together, and repeated', async (...order) => {
        const run = aRun();
        const ended = { endedAt: AT + 9, output: '"done"' };
        const life = lifeOf(run, ended);
        const inOrder = order.map((index) => life[index] ?? {});
        const merged: RunHistory = { ...run, status: 'Completed', startedAt: AT + 5, ...ended };

        for (const batch of inOrder) await history.record(batch);
        for (const batch of inOrder) await history.record(batch);
        expect(await history.findRun(run.runId)).toEqual(merged);

        const other = aRun();
        const otherLife = lifeOf(other, ended);
        await history.record({
          runs: order.flatMap((index) => otherLife[index]?.runs ?? []),
          started: otherLife[1]?.started ?? [],
        });
        expect(await history.findRun(other.runId)).toEqual({ ...merged, runId: other.runId, eventIds: other.eventIds });
      });

      test.each<[RunStatus, RunStatus]>([
        ['Completed', 'Failed'],
        ['Cancelled', 'Completed'],
        ['Skipped', 'Running'],
        ['Failed', 'Scheduled'],
      ])('a run that is %s does not become %s', async (terminal, later) => {
        const run = aRun({ status: terminal, endedAt: AT + 9, output: '"first"' });
        await history.record({ runs: [run] });

        await history.record({
          runs: [{ ...run, status: later, endedAt: AT + 20, output: '"second"', reason: 'late' }],
        });

        expect(await history.findRun(run.runId)).toMatchObject({
          status: terminal,
          endedAt: AT + 9,
          output: '"first"',
        });
      });

      test('the earliest start counts', async () => {
        const run = aRun();
        await history.record({ runs: [run], started: [{ runId: run.runId, at: AT + 7 }] });

        await history.record({ started: [{ runId: run.runId, at: AT + 5 }] });
        await history.record({ started: [{ runId: run.runId, at: AT + 9 }] });

        expect(await history.findRun(run.runId)).toEqual({ ...run, status: 'Running', startedAt: AT + 5 });
      });

      test('a run of which only the start is known is not shown yet', async () => {
        const run = aRun();

        await history.record({ started: [{ runId: run.runId, at: AT + 5 }] });
        expect(await history.findRun(run.runId)).toBeUndefined();

        await history.record({ runs: [run] });
        expect(await history.listRunsOfEvent(run.eventIds[0] ?? '')).toEqual([
          { ...run, status: 'Running', startedAt: AT + 5 },
        ]);
      });

      test('any text is an output', async () => {
        const run = aRun({ status: 'Completed', output: 'no JSON \u0000 \ud800 😀', endedAt: AT });

        await history.record({ runs: [run] });

        expect(await history.findRun(run.runId)).toMatchObject({ output: 'no JSON \uFFFD \uFFFD 😀' });
      });
    });

    test('a batch is stored whole, several at once do not disturb each other', async () => {
      const runs = Array.from({ length: 40 }, () => aRun());
      const batches = Array.from({ length: 8 }, (_, index) => ({
        events: [aRecord(), aRecord()],
        runs: (index % 2 === 0 ? runs : runs.toReversed()).map((run) => ({ ...run, status: 'Running' as const })),
        started: runs.map(({ runId }) => ({ runId, at: AT + index })),
      }));

      await Promise.all(batches.map((batch) => history.record(batch)));

      expect(await list()).toHaveLength(16);
      expect(await history.findRun(runs[3]?.runId ?? '')).toMatchObject({ status: 'Running', startedAt: AT });
    });

    test('an empty batch is nothing', async () => {
      await history.record({});
      await history.record({ events: [], runs: [], outcomes: [], started: [] });

      expect(await list()).toEqual([]);
    });

    describe('retention', () => {
      test('what is older goes with all that belongs to it, oldest first, as many as allowed', async () => {
        const old = [0, 1, 2].map((ms) => aRecord({ receivedAt: AT + ms }));
        const kept = aRecord({ receivedAt: AT + 1_000 });
        const eventId = old[0]?.event.internalId ?? '';
        const outcome: EventOutcomeRecord = { eventId, functionId: 'f', at: AT, outcome: { kind: 'rate_limited' } };
        const ended = aRun({ status: 'Completed', endedAt: AT + 3, eventIds: [eventId] });
        const endedLate = aRun({ status: 'Completed', endedAt: AT + 1_000 });
        const asleep = aRun({ status: 'Running', startedAt: AT });
        await history.record({ events: [...old, kept], outcomes: [outcome], runs: [ended, endedLate, asleep] });

        expect(await history.deleteOlderThan(AT + 10, 2)).toBe(2);
        expect(await list()).toEqual([kept, old[2]]);
        expect(await history.listOutcomes(eventId)).toEqual([]);

        expect(await history.deleteOlderThan(AT + 10, 100)).toBe(2);
        expect(await history.deleteOlderThan(AT + 10, 100)).toBe(0);
        expect(await list()).toEqual([kept]);
        expect(await history.listRunsOfEvent(eventId)).toEqual([]);
        expect(await history.findRun(ended.runId)).toBeUndefined();
        expect(await history.findRun(endedLate.runId)).toEqual(endedLate);
        expect(await history.findRun(asleep.runId)).toEqual(asleep);
      });
    });
  });
}
