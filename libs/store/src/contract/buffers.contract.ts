import { describe, expect } from 'vitest';
import { findLeftovers } from '../invariants/find-leftovers.ts';
import type { BufferSpec, ClosedBuffer, ScheduleArgs, ScheduleResult } from '../store.ts';
import { collectAll, DAY_MS, reconcileAll, storeTest, type OpenStore, type Player } from './player.ts';

const PERIOD_MS = 2000;
/** As long as a test does not care for it. */
const NEVER_MS = 3_600_000;

/** What an event of this name brings into a buffer, and what is told of it. */
function anEvent(name: string): { events: string; meta: string } {
  return { events: `[{"name":"${name}"}]`, meta: `{"of":"${name}"}` };
}

function debounced(play: Player, name: string, overrides: Partial<ScheduleArgs> & DebounceOf = {}): ScheduleArgs {
  const { key = 'k', periodMs = PERIOD_MS, timeoutMs, eventAt = play.clock.now(), ...rest } = overrides;
  const buffer: BufferSpec = {
    kind: 'debounce',
    key,
    periodMs,
    eventAt,
    ...(timeoutMs !== undefined && { timeoutMs }),
  };
  return play.aRun({ ...anEvent(name), buffer, ...rest });
}

function batched(play: Player, name: string, overrides: Partial<ScheduleArgs> & BatchOf = {}): ScheduleArgs {
  const { key = 'k', eventsMax = 100, bytesMax = 1_000_000, timeoutMs = NEVER_MS, ...rest } = overrides;
  return play.aRun({ ...anEvent(name), buffer: { kind: 'batch', key, eventsMax, bytesMax, timeoutMs }, ...rest });
}

type DebounceOf = Partial<Extract<BufferSpec, { kind: 'debounce' }>>;
type BatchOf = Partial<Extract<BufferSpec, { kind: 'batch' }>>;

/** Fires what is due and answers what was closed so far and is not acknowledged. */
async function closedBuffers(play: Player): Promise<ClosedBuffer[]> {
  await play.claim();
  return toldBuffers(play);
}

async function toldBuffers(play: Player): Promise<ClosedBuffer[]> {
  const entries = await play.store.readOutbox(1000);
  return entries.flatMap((entry) => (entry.kind === 'buffer-closed' ? [entry.buffer] : []));
}

async function drainBuffers(play: Player): Promise<ClosedBuffer[]> {
  const closed = await closedBuffers(play);
  await play.drainOutbox();
  return closed;
}

/** The IDs with which events entered buffers, and nothing else happened. */
async function enter(play: Player, ...events: ScheduleArgs[]): Promise<ScheduleResult[]> {
  const results: ScheduleResult[] = [];
  for (const event of events) {
    const result = await play.twice(() => play.store.schedule(event));
    expect(result.kind).toBe('buffered');
    results.push(result);
  }
  return results;
}

export function describeBuffers(open: OpenStore): void {
  const test = storeTest(open);

  describe('debounce', () => {
    test('[E102] events at 0, 0.5 and 1 s close at 3 s with the last one', async ({ play }) => {
      const openedAt = play.clock.now();
      const first = debounced(play, 'a');
      await enter(play, first);
      for (const name of ['b', 'c']) {
        await play.clock.advanceBy(500);
        await enter(play, debounced(play, name));
      }
      expect(await play.claimAll()).toEqual({ jobs: [], nextWakeAt: openedAt + 3000 });
      await play.clock.advanceBy(1999);
      expect(await closedBuffers(play)).toEqual([]);
      await play.clock.advanceBy(1);

      expect(await closedBuffers(play)).toEqual([
        { bufferId: first.runId, functionId: 'fn-1', kind: 'debounce', items: [anEvent('c')], callers: [] },
      ]);
      expect(await play.store.counts()).toMatchObject({ runs: 0, delayed: 0, buffers: 0, outbox: 1 });
      expect(await play.claimAll()).toEqual({ jobs: [] });
    });

    test('tells which event opened the buffer', async ({ play }) => {
      const [first, second] = [debounced(play, 'a'), debounced(play, 'b')];

      const results = await enter(play, first, second);

      expect(results).toEqual([
        { kind: 'buffered', bufferId: first.runId, opened: true, closed: false },
        { kind: 'buffered', bufferId: first.runId, opened: false, closed: false },
      ]);
      expect(await play.store.counts()).toMatchObject({ runs: 0, delayed: 0, buffers: 1, outbox: 0 });
    });

    test('[E103] an event that is older by its own time changes neither content nor end', async ({ play }) => {
      const openedAt = play.clock.now();
      await enter(play, debounced(play, 'kept'));
      await play.clock.advanceBy(1000);

      await enter(play, debounced(play, 'late', { eventAt: openedAt - 1, correlationId: 'caller.1' }));

      await play.clock.advanceBy(1000);
      expect(await closedBuffers(play)).toMatchObject([{ items: [anEvent('kept')], callers: ['caller.1'] }]);
    });

    test('of events with the same time the later arrival is kept', async ({ play }) => {
      const eventAt = play.clock.now();
      await enter(play, debounced(play, 'a', { eventAt }), debounced(play, 'b', { eventAt }));

      await play.clock.advanceBy(PERIOD_MS);

      expect(await closedBuffers(play)).toMatchObject([{ items: [anEvent('b')] }]);
    });

    test('[E104] closes no later than its timeout after the first event, however many come', async ({ play }) => {
      const startedAt = play.clock.now();
      const closes: { atMs: number; last: string }[] = [];
      for (let atMs = 0; atMs <= 12_000; atMs += 250) {
        for (const { items } of await drainBuffers(play)) closes.push({ atMs, last: items[0]!.meta });
        if (atMs % 500 === 0) await enter(play, debounced(play, `e${atMs}`, { timeoutMs: 5000 }));
        await play.clock.advanceBy(250);
      }

      expect(closes).toEqual([
        { atMs: 5000, last: anEvent('e4500').meta },
        { atMs: 10_000, last: anEvent('e9500').meta },
      ]);
      expect((await play.claimAll()).nextWakeAt).toBe(startedAt + 14_000);
    });

    test('[E105] other keys and other functions are debounced by themselves', async ({ play }) => {
      await enter(play, debounced(play, 'a', { key: 'k1' }), debounced(play, 'b', { key: 'k2' }));
      await enter(play, debounced(play, 'c', { key: 'k1', functionId: 'fn-2' }));
      await play.clock.advanceBy(1000);
      await enter(play, debounced(play, 'a2', { key: 'k1' }));

      await play.clock.advanceBy(1000);
      expect((await drainBuffers(play)).map(({ items }) => items)).toEqual([[anEvent('b')], [anEvent('c')]]);
      await play.clock.advanceBy(1000);
      expect((await drainBuffers(play)).map(({ items }) => items)).toEqual([[anEvent('a2')]]);
    });

    test('an event that comes when the time is up opens another buffer, whether or not the timer fired', async ({
      play,
    }) => {
      const [first, second] = [debounced(play, 'a'), debounced(play, 'b')];
      await enter(play, first);
      await play.clock.advanceBy(PERIOD_MS);

      expect(await enter(play, second)).toMatchObject([{ bufferId: second.runId, opened: true }]);

      expect(await toldBuffers(play)).toMatchObject([{ bufferId: first.runId, items: [anEvent('a')] }]);
      await play.clock.advanceBy(PERIOD_MS - 1);
      expect(await closedBuffers(play)).toHaveLength(1);
      await play.clock.advanceBy(1);
      expect(await closedBuffers(play)).toMatchObject([{}, { bufferId: second.runId, items: [anEvent('b')] }]);
    });

    test('takes the period of the event that came last', async ({ play }) => {
      await enter(play, debounced(play, 'a', { periodMs: NEVER_MS }), debounced(play, 'b', { periodMs: 10 }));

      await play.clock.advanceBy(10);

      expect(await closedBuffers(play)).toMatchObject([{ items: [anEvent('b')] }]);
    });

    test('names every caller, in the order in which they came', async ({ play }) => {
      const callers = Array.from({ length: 12 }, (_, index) => `parent.${index}`);
      for (const correlationId of callers) await enter(play, debounced(play, 'a', { correlationId }));

      await play.clock.advanceBy(PERIOD_MS);

      expect(await closedBuffers(play)).toMatchObject([{ callers }]);
    });
  });

  describe('batch', () => {
    test('[E106] the event that fills it closes it, all in order of arrival', async ({ play }) => {
      const events = ['a', 'b', 'c'].map((name) => batched(play, name, { eventsMax: 3 }));
      const bufferId = events[0]!.runId;

      const results = await enter(play, ...events);

      expect(results).toEqual([
        { kind: 'buffered', bufferId, opened: true, closed: false },
        { kind: 'buffered', bufferId, opened: false, closed: false },
        { kind: 'buffered', bufferId, opened: false, closed: true },
      ]);
      expect(await toldBuffers(play)).toEqual([
        { bufferId, functionId: 'fn-1', kind: 'batch', items: ['a', 'b', 'c'].map(anEvent), callers: [] },
      ]);
      expect(await play.claimAll()).toEqual({ jobs: [] });
      expect(await play.store.counts()).toMatchObject({ buffers: 0, delayed: 0, outbox: 1 });
    });

    test('[E107] closes with what there is at its timeout after the first event', async ({ play }) => {
      const openedAt = play.clock.now();
      await enter(play, batched(play, 'a', { timeoutMs: 3000 }));
      await play.clock.advanceBy(1000);
      await enter(play, batched(play, 'b', { timeoutMs: 3000 }));
      expect(await play.claimAll()).toEqual({ jobs: [], nextWakeAt: openedAt + 3000 });

      await play.clock.advanceBy(1999);
      expect(await closedBuffers(play)).toEqual([]);
      await play.clock.advanceBy(1);

      expect(await closedBuffers(play)).toMatchObject([{ items: [anEvent('a'), anEvent('b')] }]);
    });

    test('the event that brings it to its bytes is included, counted as UTF-8', async ({ play }) => {
      const events = '["€€"]';
      const bytesMax = 2 * Buffer.byteLength(events);
      const [first, second, third] = ['a', 'b', 'c'].map((name) => batched(play, name, { events, bytesMax }));

      const results = await enter(play, first!, second!, third!);

      expect(results).toMatchObject([{ closed: false }, { closed: true }, { bufferId: third!.runId, opened: true }]);
      expect(await toldBuffers(play)).toMatchObject([{ items: [{ events }, { events }] }]);
    });

    test('an event that fills one by itself is a batch of one', async ({ play }) => {
      const event = batched(play, 'large', { bytesMax: 1 });

      expect(await enter(play, event)).toEqual([
        { kind: 'buffered', bufferId: event.runId, opened: true, closed: true },
      ]);

      expect(await toldBuffers(play)).toMatchObject([{ items: [anEvent('large')] }]);
      expect(await play.store.counts()).toMatchObject({ buffers: 0 });
    });

    test('two that are closed stay apart from a third that is open, and from each other', async ({ play }) => {
      const names = ['a', 'b', 'c', 'd', 'e'];
      await enter(play, ...names.map((name) => batched(play, name, { eventsMax: 2, correlationId: `by.${name}` })));

      const told = [
        { items: [anEvent('a'), anEvent('b')], callers: ['by.a', 'by.b'] },
        { items: [anEvent('c'), anEvent('d')], callers: ['by.c', 'by.d'] },
      ];
      expect(await toldBuffers(play)).toMatchObject(told);
      const [first] = await play.store.readOutbox(1);
      await play.store.ackOutbox(first!);
      expect(await toldBuffers(play)).toMatchObject(told.slice(1));

      await play.clock.advanceBy(NEVER_MS);
      expect(await closedBuffers(play)).toMatchObject([told[1], { items: [anEvent('e')], callers: ['by.e'] }]);
    });

    test('one of a thousand events comes out whole', async ({ play }) => {
      const names = Array.from({ length: 1000 }, (_, index) => `e${index}`);
      for (const name of names) await play.store.schedule(batched(play, name, { eventsMax: 1000 }));

      expect((await toldBuffers(play)).map(({ items }) => items)).toEqual([names.map(anEvent)]);
    });

    test('a debounce and a batch with one key are two buffers', async ({ play }) => {
      await enter(play, batched(play, 'a', { timeoutMs: 5000 }), debounced(play, 'b', { periodMs: 1000 }));

      await play.clock.advanceBy(1000);
      expect(await drainBuffers(play)).toMatchObject([{ kind: 'debounce', items: [anEvent('b')] }]);
      await play.clock.advanceBy(4000);
      expect(await drainBuffers(play)).toMatchObject([{ kind: 'batch', items: [anEvent('a')] }]);
    });
  });

  describe('what is decided when an event enters a buffer', () => {
    test('[E109] the same event again is a duplicate and is kept once, in an open buffer and later', async ({
      play,
    }) => {
      const first = batched(play, 'a', { dedupKey: 'event-1' });
      await enter(play, first);
      const again = batched(play, 'again', { dedupKey: 'event-1' });
      const duplicate = { kind: 'duplicate', runId: first.runId, by: 'event' };

      expect(await play.withoutTrace(() => play.store.schedule(again))).toEqual(duplicate);
      await play.clock.advanceBy(NEVER_MS);
      expect(await closedBuffers(play)).toMatchObject([{ items: [anEvent('a')] }]);
      expect(await play.withoutTrace(() => play.store.schedule(again))).toEqual(duplicate);

      await play.clock.advanceBy(DAY_MS - NEVER_MS);
      expect(await enter(play, again)).toMatchObject([{ opened: true }]);
    });

    test('an event that had no effect is a duplicate when it comes again', async ({ play }) => {
      await enter(play, debounced(play, 'kept'));
      const older = debounced(play, 'older', { eventAt: 1, dedupKey: 'older' });
      await enter(play, older);

      const again = await play.withoutTrace(() => play.store.schedule({ ...older, runId: play.unique('run') }));

      expect(again).toEqual({ kind: 'duplicate', runId: older.runId, by: 'event' });
    });

    test('an idempotency key admits one event to any buffer in 24 h', async ({ play }) => {
      const first = batched(play, 'a', { idempotencyKey: 'cart' });
      await enter(play, first);
      const second = batched(play, 'b', { idempotencyKey: 'cart', key: 'other' });
      const duplicate = { kind: 'duplicate', runId: first.runId, by: 'idempotency' };

      expect(await play.withoutTrace(() => play.store.schedule(second))).toEqual(duplicate);
      await play.clock.advanceBy(DAY_MS);

      expect(await enter(play, second)).toMatchObject([{ opened: true }]);
    });

    test('a rate token is spent by what enters a buffer, and by nothing else', async ({ play }) => {
      const rateLimit = { bucket: 'r', limit: 2, periodMs: 60_000 };
      const first = debounced(play, 'a', { rateLimit, dedupKey: 'event-1' });
      await enter(play, first);
      await play.store.schedule(debounced(play, 'a', { rateLimit, dedupKey: 'event-1' }));
      await enter(play, debounced(play, 'b', { rateLimit }));
      const third = debounced(play, 'c', { rateLimit });

      const limited = await play.withoutTrace(() => play.store.schedule(third));

      expect(limited).toEqual({ kind: 'rate-limited', retryAt: play.clock.now() + 30_000 });
      await play.clock.advanceBy(30_000);
      expect((await drainBuffers(play)).map(({ items }) => items)).toEqual([[anEvent('b')]]);
      await enter(play, third);
    });

    test('an event of a function that is paused or drained is skipped; what is open closes all the same', async ({
      play,
    }) => {
      await enter(play, batched(play, 'a', { timeoutMs: 1000 }));
      await play.store.setFunctionState('fn-1', 'paused');
      const second = batched(play, 'b');

      expect(await play.twice(() => play.store.schedule(second))).toEqual({
        kind: 'skipped',
        reason: 'FunctionPaused',
      });

      await play.clock.advanceBy(1000);
      expect(await closedBuffers(play)).toMatchObject([{ items: [anEvent('a')] }]);
      await play.store.setFunctionState('fn-1', 'drained');
      expect(await play.store.schedule(batched(play, 'c'))).toEqual({ kind: 'skipped', reason: 'FunctionDrained' });
    });

    test('a repeat is answered as before after its buffer was told, and when the function buffers no more', async ({
      play,
    }) => {
      const [first, second] = [batched(play, 'a', { eventsMax: 2 }), batched(play, 'b', { eventsMax: 2 })];
      const answers = await enter(play, first, second);
      await drainBuffers(play);
      const { buffer: _, ...unbuffered } = first;

      expect(await play.withoutTrace(() => play.store.schedule(first))).toEqual(answers[0]);
      expect(await play.withoutTrace(() => play.store.schedule(second))).toEqual(answers[1]);
      expect(await play.withoutTrace(() => play.store.schedule(unbuffered))).toEqual(answers[0]);
    });

    test('a run is created under a key that an event of a buffer held a day ago', async ({ play }) => {
      await enter(play, batched(play, 'a', { dedupKey: 'event-1', timeoutMs: 10 }));
      await play.clock.advanceBy(DAY_MS);

      const args = play.aRun({ dedupKey: 'event-1' });

      expect(await play.twice(() => play.store.schedule(args))).toEqual({ kind: 'created', runId: args.runId });
      expect(await play.claimRunIds()).toEqual([args.runId]);
    });

    test('a repeat that comes so late that it is forgotten does not open its buffer a second time', async ({
      play,
    }) => {
      const event = batched(play, 'a', { timeoutMs: 10 });
      await enter(play, event);
      await play.clock.advanceBy(10);
      await play.claim();
      await play.clock.advanceBy(DAY_MS);
      await collectAll(play.store);

      expect(await play.store.schedule(event)).toMatchObject({ kind: 'buffered', bufferId: event.runId });

      expect(await closedBuffers(play)).toMatchObject([{ items: [anEvent('a')] }]);
      expect(await play.store.counts()).toMatchObject({ buffers: 0, outbox: 1 });
    });
  });

  describe('a closed buffer', () => {
    test('is told until it is acknowledged, then nothing is left of it', async ({ play }) => {
      await enter(play, batched(play, 'a', { timeoutMs: 10, correlationId: 'p.1' }), debounced(play, 'b'));
      await play.clock.advanceBy(PERIOD_MS);

      const told = await closedBuffers(play);
      expect(await closedBuffers(play)).toEqual(told);
      expect(told).toHaveLength(2);
      const last = (await play.store.readOutbox(10)).at(-1)!;
      await play.twice(() => play.store.ackOutbox(last));

      expect(await play.store.readOutbox(10)).toEqual([]);
      expect(findLeftovers(await play.store.dump())).toEqual([]);
    });

    test('is not closed again by a timer that fires twice', async ({ play }) => {
      await enter(play, debounced(play, 'a'));
      await play.clock.advanceBy(PERIOD_MS);
      await play.claim();

      await play.withoutTrace(() => play.claim());

      expect(await toldBuffers(play)).toHaveLength(1);
    });

    test('comes in an answer of its own when it is large', async ({ play }) => {
      const events = JSON.stringify(['x'.repeat(6_000_000)]);
      for (const key of ['k1', 'k2']) {
        for (let i = 0; i < 2; i++)
          await play.store.schedule(batched(play, 'a', { key, events, eventsMax: 2, bytesMax: 1e9 }));
      }

      const first = await play.drainOutbox();
      const second = await play.drainOutbox();

      expect([first, second].map((entries) => entries.map((entry) => entry.kind))).toEqual([
        ['buffer-closed'],
        ['buffer-closed'],
      ]);
    });

    test('leaves room in its answer for what its meta and callers take', async ({ play }) => {
      const large = 'x'.repeat(9_000_000);
      await play.store.schedule(debounced(play, 'a', { key: 'k1', meta: large }));
      await play.store.schedule(debounced(play, 'b', { key: 'k2', correlationId: large }));
      await play.clock.advanceBy(PERIOD_MS);
      await play.claim();

      expect(await play.store.readOutbox(10)).toHaveLength(1);
    });
  });

  describe('reconciling', () => {
    test('leaves open and closed buffers as they are', async ({ play }) => {
      await enter(play, batched(play, 'a', { eventsMax: 2 }), batched(play, 'b', { eventsMax: 2 }));
      await enter(play, batched(play, 'c'), debounced(play, 'd', { key: 'other' }));

      const repairs = await play.withoutTrace(() => reconcileAll(play.store, 1));

      expect(repairs).toEqual({ runs: 0, redriven: [], holders: 0, lanes: 0 });
    });
  });
}
