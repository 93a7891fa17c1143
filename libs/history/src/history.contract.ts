import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { DEFAULT_ENV_ID, encodeUlid, type EpochMs, type Event, type JsonObject, type RunStatus } from '@perdure/domain';
import { anEvent, TEST_START_AT } from '@perdure/testing';

import type { EventOutcomeRecord, EventRecord, History, HistoryBatch, MetadataRecord, RunHistory } from './history.ts';

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

function anUpdate(runId: string, values: JsonObject = { a: 1 }): MetadataRecord {
  return { id: aUlid(AT), runId, target: { step_id: 's' }, kind: 'userland.x', op: 'merge', values, at: AT };
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
          { eventId, functionId: 'f6', at: AT, outcome: { kind: 'debounced', bufferId: 'b1' } },
          { eventId, functionId: 'f7', at: AT, outcome: { kind: 'batched', bufferId: 'b2' } },
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
      function lifeOf(run: RunHistory, ended: Partial<RunHistory>): HistoryBatch[] {
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

    describe('repeats and reordering', () => {
      /** All that is ever recorded of one event and the run that it started, each as a batch of its own. */
      function aStory() {
        const record = aRecord({ id: `order-${++made}` });
        const eventId = record.event.internalId;
        const run = aRun({ eventIds: [eventId] });
        const ended = { ...run, status: 'Completed' as const, endedAt: AT + 9, output: '"done"' };
        const outcome: EventOutcomeRecord = { eventId, functionId: 'f', at: AT, outcome: { kind: 'rate_limited' } };
        const batches: HistoryBatch[] = [
          { events: [record] },
          { outcomes: [outcome] },
          { runs: [run] },
          { started: [{ runId: run.runId, at: AT + 5 }] },
          { started: [{ runId: run.runId, at: AT + 7 }] },
          { runs: [ended] },
        ];
        const told = { record, outcomes: [outcome], runs: [{ ...ended, startedAt: AT + 5 }] };
        return { batches, told, eventId };
      }

      const STORY_BATCHES = 6;
      /** Which batches of which of two stories come together: all of them at least once, in any order, any number of times. */
      const anyTelling = fc
        .array(fc.nat({ max: 2 * STORY_BATCHES - 1 }), { maxLength: 12 })
        .chain((repeats) => {
          const all = [...Array.from({ length: 2 * STORY_BATCHES }, (_, index) => index), ...repeats];
          return fc.shuffledSubarray(all, { minLength: all.length });
        })
        .chain((order) =>
          fc.tuple(fc.constant(order), fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 24, maxLength: 24 })),
        );

      function together(batches: HistoryBatch[]): HistoryBatch {
        return {
          events: batches.flatMap(({ events = [] }) => events),
          outcomes: batches.flatMap(({ outcomes = [] }) => outcomes),
          runs: batches.flatMap(({ runs = [] }) => runs),
          started: batches.flatMap(({ started = [] }) => started),
        };
      }

      test('whatever is repeated, late or out of order, there is one row of each, and the end stays', async () => {
        await fc.assert(
          fc.asyncProperty(anyTelling, fc.boolean(), async ([order, sizes], atOnce) => {
            const stories = [aStory(), aStory()];
            const parts = order.map((index) => stories[index % 2]?.batches[index >> 1] ?? {});
            const batches: HistoryBatch[] = [];
            for (const size of sizes) batches.push(together(parts.splice(0, size)));
            batches.push(together(parts));

            if (atOnce) await Promise.all(batches.map((batch) => history.record(batch)));
            else for (const batch of batches) await history.record(batch);

            for (const { eventId, told } of stories) {
              const listed = await list({ name: told.record.event.name, before: `${eventId}~`, eventsMax: 10 });
              expect({
                record: await history.findEvent(eventId),
                outcomes: await history.listOutcomes(eventId),
                runs: await history.listRunsOfEvent(eventId),
              }).toEqual(told);
              expect(listed.filter(({ event }) => event.internalId === eventId)).toHaveLength(1);
            }
          }),
          { numRuns: 40 },
        );
      });

      test('an ended run never becomes another, whatever comes later', async () => {
        const ends: RunStatus[] = ['Completed', 'Failed', 'Cancelled', 'Skipped'];
        await fc.assert(
          fc.asyncProperty(
            fc.constantFrom(...ends),
            fc.array(fc.constantFrom<RunStatus>('Scheduled', 'Running', ...ends), { minLength: 1, maxLength: 6 }),
            async (end, later) => {
              const run = aRun({ status: end, endedAt: AT + 9, output: '"first"' });
              await history.record({ runs: [run] });

              for (const status of later) await history.record({ runs: [{ ...run, status, output: '"later"' }] });
              await history.record({ runs: later.map((status) => ({ ...run, status, output: '"later"' })) });

              expect(await history.findRun(run.runId)).toEqual(run);
            },
          ),
          { numRuns: 20 },
        );
      });
    });

    describe('what cannot be stored', () => {
      const unstorable: [string, HistoryBatch][] = [
        ['a zero character in an ID', { runs: [aRun({ functionId: 'a\u0000b' })] }],
        ['a number that is no instant', { runs: [aRun({ scheduledAt: 1.5 })] }],
        [
          'a missing value',
          { outcomes: [{ eventId: 'e', functionId: 'f', at: Number.NaN, outcome: { kind: 'rate_limited' } }] },
        ],
        // Different characters: what repeats itself would be compressed.
        [
          'a name too long for an index',
          {
            events: [
              aRecord({
                name: Array.from({ length: 40_000 }, (_, i) =>
                  String.fromCodePoint(0x4e00 + ((i * 7919) % 20_000)),
                ).join(''),
              }),
            ],
          },
        ],
        [
          'a value too large',
          { runs: [aRun({ status: 'Failed', endedAt: AT, output: 'x'.repeat(65 * 1024 * 1024) })] },
        ],
      ];

      test.each(unstorable)('%s is refused for good, with nothing of its batch stored', async (_what, bad) => {
        const good = { events: [aRecord()], runs: [aRun()] };
        const both = {
          ...bad,
          events: [...good.events, ...(bad.events ?? [])],
          runs: [...good.runs, ...(bad.runs ?? [])],
        };

        await expect(history.record(both)).rejects.toMatchObject({ code: 'HISTORY_REFUSED' });
        expect(await history.findRun(good.runs[0]?.runId ?? '')).toBeUndefined();

        // One by one, the bad one is found and the good ones are stored.
        await expect(history.record(bad)).rejects.toMatchObject({ code: 'HISTORY_REFUSED' });
        await history.record(good);
        expect(await list()).toEqual(good.events);
      });

      test('a batch of many megabytes is stored whole, or not at all', async () => {
        const output = JSON.stringify('ä'.repeat(1_500_000));
        const runs = Array.from({ length: 12 }, () => aRun({ status: 'Completed', endedAt: AT, output }));
        const last = { ...aRun(), runId: '~', functionId: 'a\u0000b' };

        await expect(history.record({ runs: [...runs, last] })).rejects.toMatchObject({ code: 'HISTORY_REFUSED' });
        expect(await history.findRun(runs[0]?.runId ?? '')).toBeUndefined();

        await history.record({ runs });
        for (const run of runs) expect(await history.findRun(run.runId)).toEqual(run);
      });
    });

    test('it tells that it answers', async () => {
      await expect(history.ping()).resolves.toBeUndefined();
    });

    describe('unfinished runs', () => {
      const all = async (olderThan: EpochMs, runsMax: number): Promise<RunHistory[][]> => {
        const pages: RunHistory[][] = [];
        let cursor: string | undefined;
        do {
          const page = await history.listUnfinishedRuns({
            olderThan,
            runsMax,
            ...(cursor !== undefined && { cursor }),
          });
          pages.push(page.runs);
          cursor = page.cursor;
        } while (cursor !== undefined && pages.length < 20);
        return pages;
      };

      test('those scheduled before the instant are listed, oldest first, in pages that do not overlap', async () => {
        const runs = Array.from({ length: 7 }, (_, index) =>
          aRun({
            scheduledAt: AT + (index >> 1),
            ...(index % 2 === 0 ? {} : { status: 'Running', startedAt: AT + 9 }),
          }),
        );
        const young = aRun({ scheduledAt: AT + 100 });
        await history.record({ runs: [young, ...runs.toReversed()] });

        const pages = await all(AT + 100, 3);

        expect(pages.map((page) => page.length)).toEqual([3, 3, 1]);
        expect(pages.flat()).toEqual(runs);
        expect(await all(AT + 101, 100)).toEqual([[...runs, young]]);
        expect(await all(AT, 100)).toEqual([[]]);
      });

      test('those that ended are not, nor those of which only the start is known', async () => {
        const ends = (['Completed', 'Failed', 'Cancelled', 'Skipped'] as const).map((status) =>
          aRun({ status, endedAt: AT + 1 }),
        );
        const late = aRun();
        const onlyStarted = aRun();
        await history.record({
          runs: [...ends, late],
          started: [
            { runId: onlyStarted.runId, at: AT },
            { runId: late.runId, at: AT },
          ],
        });
        expect(await all(AT + 1, 10)).toEqual([[{ ...late, status: 'Running', startedAt: AT }]]);

        await history.record({ runs: [{ ...late, status: 'Cancelled', endedAt: AT + 5 }] });
        await history.record({ started: [{ runId: late.runId, at: AT }] });

        expect(await all(AT + 1, 10)).toEqual([[]]);
      });

      test('the last page may be empty, and a run that ends between two pages leaves the others where they are', async () => {
        const runs = Array.from({ length: 4 }, (_, index) => aRun({ scheduledAt: AT + index }));
        await history.record({ runs });

        const first = await history.listUnfinishedRuns({ olderThan: AT + 9, runsMax: 2 });
        await history.record({ runs: [{ ...first.runs[1]!, status: 'Completed', endedAt: AT + 5 }] });
        const second = await history.listUnfinishedRuns({ olderThan: AT + 9, runsMax: 2, cursor: first.cursor ?? '' });
        const third = await history.listUnfinishedRuns({ olderThan: AT + 9, runsMax: 2, cursor: second.cursor ?? '' });

        expect([...first.runs, ...second.runs]).toEqual(runs);
        expect(third).toEqual({ runs: [] });
      });
    });

    test('a batch is stored whole, several at once do not disturb each other', async () => {
      const runs = Array.from({ length: 40 }, () => aRun());
      const events = Array.from({ length: 16 }, () => aRecord());
      const outcomes = events.map(({ event }): EventOutcomeRecord => {
        return { eventId: event.internalId, functionId: 'f', at: AT, outcome: { kind: 'rate_limited' } };
      });
      const batches = Array.from({ length: 8 }, (_, index) => ({
        events: index % 2 === 0 ? events : events.toReversed(),
        outcomes: (index % 2 === 0 ? outcomes.toReversed() : outcomes).map((outcome) => ({
          ...outcome,
          at: AT + index,
        })),
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

      test('runs go by their end, however old they are, and those of which only the start is known by that', async () => {
        const day = 86_400_000;
        const long = aRun({ scheduledAt: AT - 90 * day, status: 'Completed', endedAt: AT + 5 });
        const young = aRun({ scheduledAt: AT + 90 * day, status: 'Completed', endedAt: AT - 5 });
        const onlyStarted = aRun();
        await history.record({ runs: [long, young], started: [{ runId: onlyStarted.runId, at: AT - 1 }] });

        expect(await history.deleteOlderThan(AT, 100)).toBe(2);

        expect(await history.findRun(long.runId)).toEqual(long);
        expect(await history.findRun(young.runId)).toBeUndefined();
      });

      test('events whose ID was seeded with another time go by their receipt', async () => {
        const day = 86_400_000;
        const seeded = [-900, 900].flatMap((days) => [
          aRecord({ internalId: aUlid(AT + days * day), receivedAt: AT - 1 }),
          aRecord({ internalId: aUlid(AT + days * day), receivedAt: AT + 1 }),
        ]);
        await history.record({ events: seeded });

        expect(await history.deleteOlderThan(AT, 100)).toBe(2);

        expect((await list()).map(({ event }) => event.receivedAt)).toEqual([AT + 1, AT + 1]);
      });

      test('several at once drop each row once', async () => {
        const events = Array.from({ length: 60 }, () => aRecord());
        const runs = Array.from({ length: 60 }, () => aRun({ status: 'Completed', endedAt: AT }));
        await history.record({ events, runs });

        let dropped = 0;
        for (let round = 0; round < 20 && dropped < 120; round++) {
          const counts = await Promise.all([1, 2, 3, 4].map(() => history.deleteOlderThan(AT + 1, 10)));
          dropped += counts.reduce((sum, count) => sum + count, 0);
        }

        expect(dropped).toBe(120);
        expect(await history.deleteOlderThan(AT + 1, 10)).toBe(0);
        expect(await list()).toEqual([]);
      });
    });

    describe('what runs came to', () => {
      test('memos are found for the run that ended with them, and not in its row', async () => {
        const run = aRun();
        const ended: RunHistory = { ...run, status: 'Failed', endedAt: AT + 1, memos: '[["a","1\\u0000"]]' };

        await history.record({ runs: [ended, run] });
        await history.record({ runs: [{ ...ended, memos: 'later' }] });

        expect(await history.findMemos(run.runId)).toBe(ended.memos);
        expect(await history.findRun(run.runId)).not.toHaveProperty('memos');
        expect(await history.findMemos(aUlid(AT))).toBeUndefined();
      });

      test('they go with the run', async () => {
        const run = aRun({ status: 'Completed', endedAt: AT, memos: '[]' });
        const span = { traceId: 't', spanId: 's', runId: run.runId, span: {}, receivedAt: AT };
        await history.record({ runs: [run], metadata: [anUpdate(run.runId)], spans: [span] });

        await history.deleteOlderThan(AT + 1, 100);

        expect(await history.findMemos(run.runId)).toBeUndefined();
        expect(await history.listMetadata(run.runId)).toEqual([]);
        expect(await history.listSpans(run.runId)).toEqual([]);
      });
    });

    describe('runs of a function', () => {
      test('are listed by their IDs, of the statuses and the time that are asked for', async () => {
        const functionId = '33333333-3333-5333-9333-333333333333';
        const runs = [10, 20, 30, 40].map((ms) =>
          aRun({ functionId, scheduledAt: AT + ms, status: 'Failed', endedAt: AT + ms }),
        );
        const [, second, third] = runs as [RunHistory, RunHistory, RunHistory, RunHistory];
        await history.record({
          runs: [...runs, aRun({ functionId, scheduledAt: AT + 25 }), aRun({ scheduledAt: AT + 25, status: 'Failed' })],
        });
        const query = {
          functionId,
          statuses: ['Failed', 'Cancelled'] as RunStatus[],
          scheduledFrom: AT + 20,
          scheduledUntil: AT + 40,
          runsMax: 1,
        };

        const page = await history.listRunsOfFunction(query);
        const next = await history.listRunsOfFunction({ ...query, cursor: second.runId, runsMax: 10 });

        expect(page.map(({ runId }) => runId)).toEqual([second.runId]);
        expect(next.map(({ runId }) => runId)).toEqual([third.runId]);
      });

      test('of an event that was handled late are of the time at which they were scheduled', async () => {
        const functionId = '44444444-4444-5444-9444-444444444444';
        const late = aRun({ functionId, runId: aUlid(AT - 3_600_000), scheduledAt: AT });
        await history.record({ runs: [late] });
        const listed = async (scheduledFrom: number, scheduledUntil: number): Promise<string[]> => {
          const query = { functionId, statuses: [late.status], scheduledFrom, scheduledUntil, runsMax: 10 };
          return (await history.listRunsOfFunction(query)).map(({ runId }) => runId);
        };

        expect(await listed(AT, AT + 1)).toEqual([late.runId]);
        expect(await listed(AT - 3_600_001, AT)).toEqual([]);
      });
    });

    describe('what applications tell beside', () => {
      test('metadata is listed in its order, once however often it was recorded, and its bytes are counted', async () => {
        const { runId } = aRun();
        const [first, second] = [anUpdate(runId, { q: 'ä' }), anUpdate(runId, {})] as const;

        await history.record({ metadata: [second, first] });
        await history.record({ metadata: [first] });

        expect(await history.listMetadata(runId)).toEqual([first, second]);
        expect(await history.countMetadataBytes(runId)).toBe(Buffer.byteLength('{"q":"ä"}') + 2);
        expect(await history.countMetadataBytes(aUlid(AT))).toBe(0);
      });

      test('spans are found by their run; those without one go when they are old', async () => {
        const { runId } = aRun();
        const span = { traceId: 't1', spanId: 's1', runId, span: { name: 'a' }, receivedAt: AT };
        const { runId: _, ...stray } = { ...span, spanId: 's2' };

        await history.record({ spans: [span, stray] });
        await history.record({ spans: [span] });

        expect(await history.listSpans(runId)).toEqual([span]);
        expect(await history.deleteOlderThan(AT + 1, 1)).toBe(1);
        expect(await history.deleteOlderThan(AT + 1, 10)).toBe(1);
        expect(await history.deleteOlderThan(AT + 1, 10)).toBe(0);
      });
    });
  });
}
