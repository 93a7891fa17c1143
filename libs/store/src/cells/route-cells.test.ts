import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runIdInCell } from '@perdure/domain';
import { testClock, type TestClock } from '@perdure/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { collectAll, ENV, lease, LEASE_MS, Player, reconcileAll, save, signal, wait } from '../contract/player.ts';
import { openEmbeddedStore } from '../drivers/embedded/embedded-store.ts';
import { findLeftovers } from '../invariants/find-leftovers.ts';
import type { ClaimedJob, ScheduleArgs, StepPlan, Store } from '../store.ts';
import { routeCells, type StoreCells } from './route-cells.ts';

const CELLS = 4;
const DAY_MS = 86_400_000;

let folder: string;
let clock: TestClock;
let store: StoreCells;
let serial = 0;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-cells-'));
  clock = testClock();
  const opening = Array.from({ length: CELLS }, (_, cell) =>
    openEmbeddedStore({ path: join(folder, String(cell)), clock }),
  );
  store = routeCells(await Promise.all(opening));
});

afterEach(async () => {
  expect(await store.checkInvariants()).toEqual([]);
  await store.close();
  rmSync(folder, { recursive: true });
});

/** Defaults of what a test does not care about; what it makes goes through the routes. */
function inCell(cell: number): Player {
  return new Player(storeAt(cell), clock);
}

function storeAt(cell: number): Store {
  return store.cells[cell]!;
}

function aRun(cell: number, overrides: Partial<ScheduleArgs> = {}): ScheduleArgs {
  serial += 1;
  const ulid = `01HZZZZZZZ${String(serial).padStart(16, '0')}`;
  return inCell(cell).aRun({ runId: runIdInCell(ulid, cell), ...overrides });
}

/** A run of the cell that was scheduled, and its first call. */
async function started(cell: number): Promise<ClaimedJob> {
  const args = aRun(cell);
  await store.schedule(args);
  const claimId = `claim-${args.runId}`;
  const { jobs } = await storeAt(cell).claim({ workerId: 'w', claimId, jobsMax: 100, leaseMs: LEASE_MS });
  return jobs.find(({ run }) => run.runId === args.runId)!;
}

function commit(job: ClaimedJob, plans: StepPlan[]): ReturnType<StoreCells['advance']> {
  return store.advance(inCell(0).anAdvance(job, { plans }));
}

/** Pauses of one run have names of their own. */
function forSignal(job: ClaimedJob, conflict: 'fail' | 'replace', name = 'sig', ms = 60_000): StepPlan {
  const pause = { pauseId: `${job.run.runId}.g-${name}`, expiresAt: clock.now() + ms };
  return signal(`g-${name}`, name, conflict, pause);
}

async function send(name = 'sig'): Promise<string | undefined> {
  const result = await store.resume({ envId: ENV, kind: 'signal', correlationId: name, memo: '"sent"' });
  return result.kind === 'resumed' ? result.runId : undefined;
}

async function advanced(job: ClaimedJob, plans: StepPlan[]): Promise<string> {
  expect((await commit(job, plans)).kind).toBe('advanced');
  return job.run.runId;
}

describe('four cells', () => {
  test('what names a run goes to the cell in its ID', async () => {
    for (let cell = 0; cell < CELLS; cell++) {
      const job = await started(cell);
      const { runId } = job.run;
      expect(await storeAt(cell).findRun(runId)).toMatchObject({ runId });
      expect(await store.findRun(runId)).toMatchObject({ runId });
      expect(await store.extend(lease(job), LEASE_MS)).toBe('extended');
      expect(await store.findJob(job.jobId)).toMatchObject({ state: 'leased' });
      expect(await store.findRunJobs(runId)).toHaveLength(1);
      expect(await store.explainRun(runId)).toHaveLength(1);
      const limits = { stepsMax: 10, stateBytesMax: 1000 };
      const saves = [save('a')];
      expect(await store.checkpoint({ runId, lease: lease(job), saves, leaseMs: LEASE_MS, limits })).toBe('saved');
      expect((await store.findRunState(runId))?.stack).toEqual(['a']);
      expect(await store.retry({ lease: lease(job), notBefore: clock.now(), reason: 'drain' })).toBe('retried');
      expect(await store.finalize({ runId, status: 'Cancelled' })).toBe('finalized');
      expect(await storeAt(cell).findRun(runId)).toBeUndefined();
    }
  });

  test('counts are sums, and broken invariants tell their cell', async () => {
    for (const cell of [0, 1, 1, 3]) await store.schedule(aRun(cell));

    expect(await store.counts()).toMatchObject({ runs: 4, ready: 4, outbox: 4, pauses: 0 });
    expect(await storeAt(1).counts()).toMatchObject({ runs: 2 });
    expect(await store.checkInvariants()).toEqual([]);
  });

  test('limits and states of a function hold in every cell', async () => {
    await store.setFunction({
      functionId: 'fn-1',
      accountId: 'account-1',
      version: 1,
      weight: 1,
      concurrency: 0,
      keyed: [],
    });
    await store.setFunctionState('fn-2', 'drained');
    await store.setAccountConcurrency('account-2', 0);

    for (let cell = 0; cell < CELLS; cell++) {
      await store.schedule(aRun(cell));
      await store.schedule(aRun(cell, { functionId: 'fn-3', accountId: 'account-2' }));
      const skipped = await store.schedule(aRun(cell, { functionId: 'fn-2' }));
      expect(skipped).toMatchObject({ kind: 'skipped', reason: 'FunctionDrained' });
      expect(await inCell(cell).claim()).toEqual([]);
    }
  });

  test('waits of all cells are found, page by page, each once', async () => {
    const expected: string[] = [];
    for (const cell of [0, 0, 0, 2, 2, 3]) {
      const job = await started(cell);
      const anchors = cell === 2 ? [{ path: 'data.id', valueHash: 'x' }] : undefined;
      const pauseId = `${job.run.runId}.w`;
      await advanced(job, [wait('w', { pauseId, expiresAt: clock.now() + 1000, ...(anchors && { anchors }) })]);
      expected.push(pauseId);
    }

    expect(await store.findPausePaths(ENV, 'a/resume')).toEqual({ hasPauses: true, paths: ['data.id'] });
    expect(await store.findPausePaths(ENV, 'a/other')).toEqual({ hasPauses: false, paths: [] });
    for (const pausesMax of [1, 2, 5, 100]) {
      expect((await findAll(pausesMax)).toSorted()).toEqual(expected.toSorted());
    }
    expect(await findAll(8, 'a/other')).toEqual([]);
    for (const pauseId of expected) expect((await store.consumePause({ pauseId })).kind).toBe('resumed');
    expect(await findAll(8)).toEqual([]);
  });

  async function findAll(pausesMax: number, event = 'a/resume'): Promise<string[]> {
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const anchors = [{ path: 'data.id', valueHash: 'x' }];
      const at = cursor === undefined ? {} : { cursor };
      const page = await store.findPauses({ envId: ENV, event, anchors, pausesMax, ...at });
      found.push(...page.pauses.map(({ pauseId }) => pauseId));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return found;
  }

  test('an invoked run resumes the caller in its cell', async () => {
    const job = await started(2);
    const { runId } = job.run;
    const pause = {
      pauseId: `${runId}.i`,
      kind: 'invoke' as const,
      correlationId: `${runId}.i`,
      expiresAt: clock.now() + 1000,
      timeoutMemo: 'null',
    };
    await advanced(job, [
      { kind: 'invoke', hash: 'i', isRace: false, pause, invokeEvent: { eventId: 'e', body: '{}' } },
    ]);

    const result = await store.resume({ envId: ENV, kind: 'invoke', correlationId: `${runId}.i`, memo: '1' });

    expect(result).toEqual({ kind: 'resumed', runId });
  });

  test('there is one cell at least', () => {
    expect(() => routeCells([])).toThrow('there is no cell 0');
  });
});

describe('signals of four cells', () => {
  /** A run of the cell that waits for the signal. */
  async function waiting(cell: number, conflict: 'fail' | 'replace', name = 'sig'): Promise<string> {
    const job = await started(cell);
    return advanced(job, [forSignal(job, conflict, name)]);
  }

  async function conflictIn(cell: number): Promise<boolean> {
    const job = await started(cell);
    const result = await commit(job, [forSignal(job, 'fail')]);
    await store.finalize({ runId: job.run.runId, status: 'Cancelled' });
    return result.kind === 'signal-conflict';
  }

  test('[E70] reach the waiter once, wherever its run and the home of the signal are', async () => {
    for (const name of ['s1', 's2', 's3', 's4', 's5']) {
      for (let cell = 0; cell < CELLS; cell++) {
        expect(await send(name)).toBeUndefined();
        const runId = await waiting(cell, 'fail', name);

        expect(await send(name)).toBe(runId);
        expect(await send(name)).toBeUndefined();
        expect((await store.findRunState(runId))?.steps).toEqual({ [`g-${name}`]: '"sent"' });
        await store.finalize({ runId, status: 'Completed' });
      }
    }
  });

  test('[E71] a second waiter fails, in whatever cell its run is, and the first is unaffected', async () => {
    const first = await waiting(1, 'fail');

    for (let cell = 0; cell < CELLS; cell++) expect(await conflictIn(cell)).toBe(true);

    expect(await send()).toBe(first);
  });

  test('[E72] the newest waiter replaces another, which waits on for its end and never gets the signal', async () => {
    for (const [before, after] of [
      [0, 3],
      [3, 1],
      [2, 2],
    ] as const) {
      const older = await waiting(before, 'fail');
      const newer = await waiting(after, 'replace');

      expect(await send()).toBe(newer);
      expect(await send()).toBeUndefined();
      expect((await store.findRunJobs(older)).map(({ kind }) => kind)).toEqual(['timeout']);
    }
  });

  test('a repeat of the answer that waits changes nothing', async () => {
    const job = await started(2);
    const plans = [forSignal(job, 'fail')];
    const first = await commit(job, plans);
    const stored = await Promise.all(store.cells.map((cell) => cell.dump()));

    expect(await commit(job, plans)).toEqual(first);

    expect(await Promise.all(store.cells.map((cell) => cell.dump()))).toEqual(stored);
  });

  test('a wait that ended holds nobody up', async () => {
    const endings = [
      (runId: string) => store.finalize({ runId, status: 'Cancelled' }),
      async (runId: string) => {
        await clock.advanceBy(60_000);
        await store.cellOf(runId).claim({ workerId: 'w', claimId: `end-${runId}`, jobsMax: 0, leaseMs: LEASE_MS });
      },
      () => send(),
    ];
    for (const end of endings) {
      await end(await waiting(0, 'fail'));

      const next = await waiting(3, 'fail');

      expect(await send()).toBe(next);
    }
  });

  test('a step that is planned again after its end takes the signal from nobody', async () => {
    const first = await started(0);
    await advanced(first, [forSignal(first, 'replace')]);
    await send();
    const second = await waiting(1, 'fail');
    const [again] = await inCell(0).claim(1, 'again');

    await advanced(again!, [forSignal(first, 'replace')]);

    expect(await send()).toBe(second);
  });

  test('a reservation without its wait is believed for a while, then it is taken over', async () => {
    const lost = await started(1);
    const pauseId = `${lost.run.runId}.g-sig`;
    // The process died between the two steps.
    for (const cell of store.cells) {
      await cell.reserveSignal({ envId: ENV, signal: 'sig', pauseId, hash: 'g-sig', expiresAt: clock.now() + DAY_MS });
    }
    expect(await conflictIn(2)).toBe(true);
    await clock.advanceBy(30_000);

    const runId = await waiting(2, 'fail');

    expect(await send()).toBe(runId);
  });

  test('a waiter is found though the home of its signal lost the reservation', async () => {
    const runId = await waiting(2, 'fail');
    const pauseId = `${runId}.g-sig`;
    for (const cell of store.cells) {
      if (cell !== storeAt(2)) await cell.releaseSignal({ envId: ENV, signal: 'sig', pauseId });
    }

    expect(await send()).toBe(runId);
  });

  test('an answer of a lost lease, or of a run that is gone, leaves the signal free', async () => {
    const job = await started(0);
    expect(await commit({ ...job, token: 'lost' }, [forSignal(job, 'fail', 'a')])).toEqual({ kind: 'stale' });
    await store.finalize({ runId: job.run.runId, status: 'Cancelled' });
    expect(await commit(job, [forSignal(job, 'fail', 'b')])).toEqual({ kind: 'run-gone' });

    for (const name of ['a', 'b']) {
      const runId = await waiting(3, 'fail', name);
      expect(await send(name)).toBe(runId);
    }
  });

  test('leave nothing behind once all has expired', async () => {
    const runIds = [await waiting(0, 'fail', 'a'), await waiting(1, 'fail', 'b'), await waiting(2, 'replace', 'b')];
    await send('a');
    for (const runId of runIds) await store.finalize({ runId, status: 'Cancelled' });

    for (const ms of [0, DAY_MS]) {
      await clock.advanceBy(ms);
      for (const cell of store.cells) {
        await inCellOf(cell).drainOutbox();
        await collectAll(cell);
        expect(findLeftovers(await cell.dump())).toEqual([]);
      }
    }

    const left = (await Promise.all(store.cells.map((cell) => cell.dump()))).flatMap((dump) => Object.keys(dump));
    expect(left.filter((key) => key.startsWith('rsv|'))).toEqual([]);
  });

  test('reconciling changes nothing about them', async () => {
    await waiting(0, 'fail');
    await waiting(3, 'replace');
    const stored = await Promise.all(store.cells.map((cell) => cell.dump()));

    for (const cell of store.cells) await reconcileAll(cell);

    expect(await Promise.all(store.cells.map((cell) => cell.dump()))).toEqual(stored);
  });
});

function inCellOf(cell: Store): Player {
  return new Player(cell, clock);
}
