import {
  type Event,
  type FlowControl,
  INTERNAL_EVENTS,
  type JsonObject,
  runIdInCell,
  ulidTimeMs,
} from '@perdure/domain';
import { parseStoredEvent, type StoredEvent } from '@perdure/protocol';
import { type ClaimedJob, routeCells, type Store } from '@perdure/store';
import { aFlowControl, aFunction, anEvent } from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { handleEvent } from '../event/handle-event.ts';
import { parseRecords } from '../history/record-messages.ts';
import { leaseOf } from '../job/execute-job.ts';
import { planOp } from '../job/plan-op.ts';
import { rerunRun } from '../replay/rerun-run.ts';
import { openEmbeddedPorts } from '../test/embedded-ports.ts';
import { OutboxLoop } from '../upkeep/outbox-loop.ts';
import { parseRunMeta } from './run-meta.ts';
import { runRow } from './run-row.ts';
import { scheduleBuffered } from './schedule-buffered.ts';

const DEBOUNCE = { debounce: { periodMs: 2_000 } };
const BATCH = { batch: { sizeMax: 3, timeoutMs: 3_000 } };
const PARENT = '33333333-3333-5333-9333-333333333333';

/** A platform of one process, moved by hand: events come, claims fire timers, the outbox is drained. */
async function startPlay(flow: Partial<FlowControl>) {
  const { ports, cell, clock, register } = await openEmbeddedPorts();
  const fn = aFunction({ flow: aFlowControl(flow) });
  const parent = aFunction({
    id: PARENT,
    slug: 'test-app-parent',
    triggers: [{ kind: 'event', event: 'test/parent' }],
  });
  await register(fn, parent);
  let delivered = 0;

  const claim = async (): Promise<ClaimedJob[]> => {
    const claimed = await cell.claim({ workerId: 'w', claimId: ports.ids.token(), jobsMax: 20, leaseMs: 30_000 });
    return claimed.jobs;
  };
  const drain = (): Promise<void> => new OutboxLoop(ports, 0).stop();
  const play = {
    ports,
    cell,
    clock,
    fn,
    parent,
    register,
    claim,
    drain,
    send: async (facts: Partial<Event> = {}) => {
      const event = anEvent({ receivedAt: clock.now(), ...facts });
      const { outcomes } = await handleEvent(ports, event);
      return { event, outcomes: outcomes.map(({ outcome }) => outcome) };
    },
    /** Timers fire, and the runs of what they closed are claimed. */
    settle: async (): Promise<ClaimedJob[]> => {
      const jobs = await claim();
      await drain();
      return [...jobs, ...(await claim())];
    },
    complete: async (job: ClaimedJob, output: string): Promise<void> => {
      const { runId } = job.run;
      await cell.finalize({ runId, lease: leaseOf(job), status: 'Completed', output });
    },
    /** What the platform has sent itself is handled. */
    deliver: async (): Promise<StoredEvent[]> => {
      await drain();
      const messages = await ports.stream.readSince('events', 0, delivered, 100);
      delivered = messages.at(-1)?.seq ?? delivered;
      const events = messages.map(({ body }) => parseStoredEvent(body));
      for (const event of events) await handleEvent(ports, event);
      return events;
    },
    /** A run of the parent that invokes the function and waits. */
    invoke: async (data: JsonObject = {}): Promise<string> => {
      await play.send({ name: 'test/parent' });
      const [job] = await claim();
      if (job === undefined) throw new Error('the parent was not started');
      const op = { kind: 'invoke' as const, hash: 'h', displayName: 'i', isRace: false, functionId: fn.slug };
      const planned = planOp(
        { ...op, payload: { data } },
        { run: job.run, triggerEvent: () => ({}), findFunction: () => fn, now: clock.now(), attemptsMax: 1 },
      );
      if (planned.kind !== 'plan') throw new Error(`an invoke came to ${planned.kind}`);
      await cell.advance({
        runId: job.run.runId,
        lease: leaseOf(job),
        saves: [],
        plans: [planned.plan],
        isParallel: false,
        discover: false,
        attemptsMax: 1,
        limits: { stepsMax: 100, stateBytesMax: 1_000_000 },
      });
      await play.deliver();
      return job.run.runId;
    },
    /** What the invokes of these runs came to. */
    memosOf: (runIds: string[]) =>
      Promise.all(
        runIds.map(async (runId) => JSON.parse((await cell.findRunState(runId))?.steps['h'] ?? '"waiting"') as unknown),
      ),
    recorded: async () => {
      const messages = await ports.stream.readSince('records', 0, 0, 100);
      return messages.map(({ body }) => parseRecords(body));
    },
  };
  return play;
}

function dataOf(job: ClaimedJob | undefined): unknown[] {
  return (JSON.parse(job?.state?.events ?? '[]') as { data: unknown }[]).map(({ data }) => data);
}

async function runsOf(cell: Store, functionId: string): Promise<string[]> {
  const { runs } = await cell.listRuns({ functionId, after: 0, runsMax: 100, withEvents: false });
  return runs.map(({ runId }) => runId);
}

describe('debounce', () => {
  test('[E102] events within the period become one run, at its end, of the last one', async () => {
    const play = await startPlay(DEBOUNCE);
    const startedAt = play.clock.now();
    const { event: first, outcomes } = await play.send({ data: { n: 1 } });
    await play.clock.advanceBy(500);
    await play.send({ data: { n: 2 } });
    await play.clock.advanceBy(500);
    const { event: last } = await play.send({ data: { n: 3 } });

    await play.clock.advanceBy(1_999);
    expect(await play.settle()).toEqual([]);
    await play.clock.advanceBy(1);
    const [job, ...others] = await play.settle();

    expect(outcomes).toEqual([{ kind: 'debounced', bufferId: expect.any(String) }]);
    expect([dataOf(job), others]).toEqual([[{ n: 3 }], []]);
    expect(parseRunMeta(job?.run.meta ?? '')).toEqual({ eventIds: [last.internalId] });
    expect(ulidTimeMs(job?.run.runId ?? '')).toBe(startedAt + 3_000);
    // The first event handled again, whatever has become of it, starts nothing more.
    await handleEvent(play.ports, first);
    await play.clock.advanceBy(10_000);
    expect(await play.settle()).toEqual([]);
  });

  test('[E103] an event that is older than the one that is kept takes no effect', async () => {
    const play = await startPlay(DEBOUNCE);
    const now = play.clock.now();
    await play.send({ data: { n: 1 }, ts: now });
    await play.clock.advanceBy(1_000);
    await play.send({ data: { n: 2 }, ts: now - 60_000 });

    await play.clock.advanceBy(1_000);

    expect((await play.settle()).map(dataOf)).toEqual([[{ n: 1 }]]);
  });

  test('the run is of the function as it is when the buffer closes, though that debounces no more; what its event has passed counts no second time', async () => {
    const once = { rateLimit: { limit: 1, periodMs: 60_000 }, idempotency: 'event.data.cart' };
    const play = await startPlay({ ...DEBOUNCE, ...once });
    await play.send({ data: { cart: 'c' } });
    expect((await play.send({ data: { cart: 'c' } })).outcomes).toMatchObject([{ kind: 'idempotent' }]);
    expect((await play.send({ data: { cart: 'd' } })).outcomes).toEqual([{ kind: 'rate_limited' }]);
    const cancelOn = [{ event: 'test/cancel' }];
    await play.register(aFunction({ version: 2, flow: aFlowControl({ ...once, cancelOn }) }));

    await play.clock.advanceBy(2_000);
    const [job] = await play.settle();

    expect([dataOf(job), job?.run.functionVersion]).toEqual([[{ cart: 'c' }], 2]);
    expect(await play.cell.counts()).toMatchObject({ pauses: 1 });
  });

  test('every invoke that was collapsed into the run has its result', async () => {
    const play = await startPlay(DEBOUNCE);
    const parents = [await play.invoke({ n: 1 }), await play.invoke({ n: 2 }), await play.invoke({ n: 3 })];

    await play.clock.advanceBy(2_000);
    const jobs = await play.settle();
    expect(jobs.map(dataOf)).toMatchObject([[{ n: 3 }]]);
    expect(await play.memosOf(parents)).toEqual(['waiting', 'waiting', 'waiting']);
    for (const job of jobs) await play.complete(job, '"done"');
    const events = await play.deliver();

    expect(await play.memosOf(parents)).toEqual([{ data: 'done' }, { data: 'done' }, { data: 'done' }]);
    expect(events.map(({ name }) => name)).toEqual(Array.from({ length: 3 }, () => INTERNAL_EVENTS.finished));
    expect(new Set(events.map(({ internalId }) => internalId)).size).toBe(3);
  });

  test('a function that was paused meanwhile skips the run, and who invoked it is told', async () => {
    const play = await startPlay(DEBOUNCE);
    const parents = [await play.invoke(), await play.invoke()];
    await play.cell.setFunctionState(play.fn.id, 'paused');

    await play.clock.advanceBy(2_000);
    await play.claim();
    await play.drain();

    const skipped = { error: { name: 'InngestInvokeSkippedError' } };
    expect(await play.memosOf(parents)).toMatchObject([skipped, skipped]);
    await play.drain();
    const rows = (await play.recorded()).flatMap(({ runs = [] }) => runs);
    expect(rows.filter(({ status }) => status === 'Skipped')).toMatchObject([{ skipReason: 'FunctionPaused' }]);
  });

  test('a function that was unregistered meanwhile has no run: who invoked it is told, and its events say so', async () => {
    const play = await startPlay(DEBOUNCE);
    const parents = [await play.invoke()];
    await play.register(play.parent);

    await play.clock.advanceBy(2_000);
    expect(await play.settle()).toMatchObject([{ run: { runId: parents[0] } }]);

    const message = `could not find function with ID: ${play.fn.id}`;
    expect(await play.memosOf(parents)).toMatchObject([{ error: { message } }]);
    const outcomes = (await play.recorded()).flatMap((records) => records.outcomes ?? []);
    expect(outcomes).toMatchObject([{ functionId: play.fn.id, outcome: { kind: 'schedule_failed' } }]);
  });

  test('a run that is run again waits for nothing', async () => {
    const play = await startPlay(DEBOUNCE);
    const { event } = await play.send();
    await play.clock.advanceBy(2_000);
    const [job] = await play.settle();
    if (job === undefined) throw new Error('there is no run');
    const history = { findRun: async () => runRow(job.run, { status: 'Running' }), findEvent: async () => ({ event }) };

    const result = await rerunRun({ ...play.ports, history } as unknown as typeof play.ports, job.run.runId);

    expect(result).toMatchObject({ kind: 'scheduled' });
    expect(await runsOf(play.cell, play.fn.id)).toHaveLength(2);
  });
});

describe('batch', () => {
  test('[E106] the event that fills it starts the run, with all of them in order', async () => {
    const play = await startPlay(BATCH);
    const sent = [];
    for (const n of [1, 2, 3]) sent.push(await play.send({ data: { n } }));

    const [job, ...others] = await play.settle();

    expect([dataOf(job), others]).toEqual([[{ n: 1 }, { n: 2 }, { n: 3 }], []]);
    const { eventIds, batchId } = parseRunMeta(job?.run.meta ?? '');
    expect(eventIds).toEqual(sent.map(({ event }) => event.internalId));
    expect(sent.flatMap(({ outcomes }) => outcomes)).toEqual(
      Array.from({ length: 3 }, () => ({ kind: 'batched', bufferId: batchId })),
    );
  });

  test('[E107] what has come at the timeout is the batch', async () => {
    const play = await startPlay(BATCH);
    await play.send({ data: { n: 1 } });
    await play.clock.advanceBy(2_000);
    await play.send({ data: { n: 2 } });

    await play.clock.advanceBy(999);
    expect(await play.settle()).toEqual([]);
    await play.clock.advanceBy(1);

    expect((await play.settle()).map(dataOf)).toEqual([[{ n: 1 }, { n: 2 }]]);
  });

  test('[E108] an event for which the condition does not hold starts a run by itself', async () => {
    const play = await startPlay({ batch: { ...BATCH.batch, if: 'event.data.bulk == true' } });
    await play.send({ data: { bulk: true } });

    const { outcomes } = await play.send({ data: { bulk: false } });

    expect(outcomes).toEqual([]);
    expect((await play.settle()).map(dataOf)).toEqual([[{ bulk: false }]]);
  });

  test('[E109] an event of a user ID that is in the batch, or was, is a duplicate', async () => {
    const play = await startPlay(BATCH);
    for (const id of ['a', 'b']) await play.send({ id });
    const duplicate = { kind: 'duplicate', runId: expect.any(String) };

    expect((await play.send({ id: 'a' })).outcomes).toEqual([duplicate]);
    await play.send({ id: 'c' });
    expect((await play.settle()).map((job) => dataOf(job).length)).toEqual([3]);
    expect((await play.send({ id: 'a' })).outcomes).toEqual([duplicate]);
  });

  test('each invoke in it has the result; no event cancels it', async () => {
    const play = await startPlay({ ...BATCH, cancelOn: [{ event: 'test/cancel' }] });
    await play.send({ data: { n: 0 } });
    const parents = [await play.invoke({ n: 1 }), await play.invoke({ n: 2 })];

    const jobs = await play.settle();
    expect(jobs.map((job) => dataOf(job).length)).toEqual([3]);
    expect((await play.cell.findPausePaths(play.fn.envId, 'test/cancel')).hasPauses).toBe(false);
    for (const job of jobs) await play.complete(job, '1');
    const events = await play.deliver();

    expect(await play.memosOf(parents)).toEqual([{ data: 1 }, { data: 1 }]);
    expect(events).toHaveLength(3);
  });

  test('a batch of which one event tells the end of a run, and another does not, tells its own end', async () => {
    const play = await startPlay({ batch: { sizeMax: 2, timeoutMs: 1_000 } });
    const triggers = [{ kind: 'event' as const, event: 'inngest/*' }, ...play.fn.triggers];
    await play.register({ ...play.fn, triggers });
    const end = { name: INTERNAL_EVENTS.finished };
    const endsTold = async (...events: Partial<Event>[]): Promise<number> => {
      for (const event of events) await play.send(event);
      for (const job of await play.settle()) await play.complete(job, '1');
      await play.drain();
      return (await play.ports.stream.readSince('events', 0, 0, 100)).length;
    };

    expect(await endsTold(end, end)).toBe(0);
    expect(await endsTold(end, {})).toBe(1);
  });
});

describe('between closing and the run', () => {
  test('an acknowledgement that fails has the entry read again, and starts nothing twice', async () => {
    const play = await startPlay(BATCH);
    for (const n of [1, 2, 3]) await play.send({ data: { n } });
    const ackOutbox = play.cell.ackOutbox.bind(play.cell);
    play.cell.ackOutbox = () => Promise.reject(new Error('the reply is lost'));
    await play.drain();
    play.cell.ackOutbox = ackOutbox;
    const before = await runsOf(play.cell, play.fn.id);

    await play.clock.advanceBy(60_000);
    await play.drain();

    expect(before).toHaveLength(1);
    expect(await runsOf(play.cell, play.fn.id)).toEqual(before);
    expect(await play.settle()).toHaveLength(1);
  });

  test('the run is in the cell of the buffer, wherever new runs of the function begin: there a repeat is recognised', async () => {
    const play = await startPlay(BATCH);
    const { cell: other } = await openEmbeddedPorts({ at: play.clock.now() });
    const ports = { ...play.ports, store: routeCells([play.cell, other]) };
    const item = {
      events: '[{"data":{},"id":"e","name":"test/happened","ts":1,"user":{}}]',
      meta: '{"eventIds":["e"]}',
    };
    const bufferId = runIdInCell(play.ports.ids.ulid(1), 1);
    const buffer = { bufferId, functionId: play.fn.id, kind: 'batch' as const, items: [item], callers: [] };

    const closing = { buffer, closedAt: 2, cell: 1 };
    await scheduleBuffered(ports, closing);
    await scheduleBuffered(ports, closing);

    expect(ports.catalog.index.cellOf(play.fn.id)).toBe(0);
    expect([await runsOf(play.cell, play.fn.id), await runsOf(other, play.fn.id)]).toEqual([[], [expect.any(String)]]);
  });

  test('a buffer whose run cannot be scheduled holds up no other, and is given up in the end', async () => {
    const play = await startPlay({ batch: { sizeMax: 2, timeoutMs: 1_000, key: 'event.data.key' } });
    for (const key of ['bad', 'bad', 'good', 'good']) await play.send({ data: { key } });
    const schedule = play.ports.store.schedule.bind(play.ports.store);
    play.ports.store.schedule = (args) =>
      args.events.includes('bad') ? Promise.reject(new Error('refused')) : schedule(args);
    const loop = new OutboxLoop(play.ports, 0);

    await loop.stop();
    expect((await play.claim()).map(dataOf)).toEqual([[{ key: 'good' }, { key: 'good' }]]);
    for (let i = 0; i < 5; i += 1) await loop.stop();

    const outcomes = (await play.recorded()).flatMap((records) => records.outcomes ?? []);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(
      Array.from({ length: 2 }, () => ({ kind: 'schedule_failed', message: 'refused' })),
    );
    expect(await play.cell.readOutbox(10)).toEqual([]);
  });
});
