import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { testClock, type TestClock } from '@perdure/testing';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { auditAll, LEASE_MS, Player, reconcileAll, save } from '../../contract/player.ts';
import { happenings, Story, type Happening } from '../../contract/random.contract.ts';
import { Snapshot } from '../../invariants/snapshot.ts';
import { isLine } from '../../operations/throttle.ts';
import type { Tx } from '../../operations/tx.ts';
import type { Store } from '../../store.ts';
import { openEmbeddedStore } from './embedded-store.ts';
import { dumpAll, EmbeddedTx } from './embedded-tx.ts';
import { SqliteTable } from './sqlite-table.ts';

/** A way to break a store: whatever of the kind there is, one is picked. False: there is none. */
type Damage = (tx: Tx, store: Snapshot, pick: <Item>(items: Iterable<Item>) => Item | undefined) => boolean;

/** Stories in which there was something to damage, for each kind; and others for each of them. */
const STORIES = 8;
const SKIPS_MAX = 1000;

const BOGUS = 'run999999.d1';

function on<Item>(item: Item | undefined, act: (item: Item) => void): boolean {
  if (item === undefined) return false;
  act(item);
  return true;
}

/** Lanes that have jobs. */
function* fullLanes(store: Snapshot): Iterable<string> {
  for (const [laneId] of store.ids('lane')) yield laneId;
}

/** [key, member] of each sorted set or set of the kinds. */
function* members(store: Snapshot, ...kinds: string[]): Iterable<[string, string]> {
  for (const kind of kinds) {
    for (const member of store.scores(kind).keys()) yield [kind, member];
    for (const [, key] of store.ids(kind)) {
      for (const member of store.set(key) as unknown[]) {
        yield [key, Array.isArray(member) ? String(member[0]) : String(member)];
      }
    }
  }
}

/** [key, member] of the sets of a run: `jb`, `pz`, `pg`, `pr`. */
function* ofRuns(store: Snapshot, kind: string): Iterable<[string, string]> {
  for (const [runId] of store.runs()) {
    for (const member of store.set(`run|${runId}|${kind}`)) yield [`run|${runId}|${kind}`, member];
  }
}

function lose(...kinds: string[]): Damage {
  return (tx, store, pick) => on(pick(members(store, ...kinds)), ([key, member]) => tx.zrem(key, member));
}

function corrupt(field: string, value: string): Damage {
  return (tx, store, pick) => on(pick(store.runs()), ([runId]) => tx.hset(`run|${runId}`, { [field]: value }));
}

/** The dedup key, written in the same instant, goes with it: nothing else tells what that is called. */
function loseRecord(tx: Tx, runId: string, run: Readonly<Record<string, string>>): void {
  tx.hdrop(`run|${runId}`);
  tx.hdrop(`idem|${run['fn']}|${run['dk']}`);
}

const damages: Record<string, Damage> = {
  'a job is lost': (tx, store, pick) =>
    on(pick(store.storedJobs()), ([jobId, job]) => tx.hdrop(`run|${job['run']}|job|${jobId}`)),
  'a job is lost, and that the run had it': (tx, store, pick) =>
    on(pick(store.storedJobs()), ([jobId, job]) => {
      tx.hdrop(`run|${job['run']}|job|${jobId}`);
      tx.srem(`run|${job['run']}|jb`, jobId);
    }),
  'a run forgets a job': (tx, store, pick) => on(pick(ofRuns(store, 'jb')), ([key, id]) => tx.srem(key, id)),
  'a job has no state': (tx, store, pick) =>
    on(pick(store.storedJobs()), ([jobId, job]) => tx.hset(`run|${job['run']}|job|${jobId}`, { st: '' })),
  'a job is said to be in another lane': (tx, store, pick) =>
    on(pick([...store.storedJobs()].filter(([, job]) => job['st'] === 'R')), ([jobId, job]) =>
      tx.hset(`run|${job['run']}|job|${jobId}`, { lane: 'fn-1|C||||' }),
    ),
  'a lease has no token': (tx, store, pick) =>
    on(pick([...store.storedJobs()].filter(([, job]) => job['st'] === 'L')), ([jobId, job]) =>
      tx.hset(`run|${job['run']}|job|${jobId}`, { tok: '' }),
    ),
  'a delayed job is not in due': lose('due'),
  'a leased job is not in lease': lose('lease'),
  'a ready job is not in its lane': lose('lane'),
  'a job is due that is not delayed': (tx, store, pick) =>
    on(pick(store.storedJobs()), ([jobId]) => tx.zadd('due', 1, jobId)),
  'a job has a lease twice': (tx, store, pick) =>
    on(pick(store.storedJobs()), ([jobId]) => tx.zadd('lease', 9_000_000_000_000, jobId)),
  'a job is in a lane in vain': (tx, store, pick) =>
    on(pick(store.storedJobs()), ([jobId]) => on(pick(fullLanes(store)), (lane) => tx.zadd(`lane|${lane}`, 1, jobId))),
  'a timer fires for nothing': (tx) => {
    tx.zadd('due', 1, BOGUS);
    tx.zadd('lease', 1, BOGUS);
    tx.zadd('due', 1, 'B|run999999|fn-9|batch|k');
    tx.zadd('parked', 1, 'L|fn-1|C|||x|');
    tx.zadd('parked', 1, 'F|fn-9');
    tx.zadd('parked', 1, 'T|fn-9|x');
    return true;
  },
  'lists name what is not there': (tx) => {
    tx.zadd('runs', 1, 'run999999');
    tx.zadd('pauses', 1, 'run999999.p');
    tx.zadd('buffers', 1, 'run999999|fn-9|batch|k');
    tx.zadd('lanes', 1, 'fn-1|C|||x|');
    tx.zadd('fns', 1, 'fn-9');
    return true;
  },
  'a counter has lost a holder': (tx, store, pick) => on(pick(members(store, 'ctr')), ([key, id]) => tx.srem(key, id)),
  'a counter has a holder too many': (tx, store, pick) =>
    on(pick(fullLanes(store)), (lane) => {
      for (const counter of [`f|${lane.split('|')[0]}`, 'a|account-1']) {
        for (let i = 0; i < 10; i++) tx.sadd(`ctr|${counter}`, `${BOGUS}${i}`);
      }
      const [, , , k1, k2, run] = lane.split('|');
      for (const key of [k1, k2]) if (key) tx.sadd(`ctr|k|${key}`, BOGUS);
      if (run) tx.sadd(`ctr|r|${run}`, 'run999999');
    }),
  'a lane is not where its record says': lose('fr', 'cw', 'parked'),
  'the timer of a line is lost': (tx, store, pick) =>
    on(pick([...store.scores('parked').keys()].filter(isLine)), (line) => tx.zrem('parked', line)),
  'a line has lost a lane': (tx, store, pick) =>
    on(pick([...members(store, 'cw')].filter(([key]) => key.startsWith('cw|T|'))), ([key, id]) => tx.zrem(key, id)),
  'a lane is not known to be parked': (tx, store, pick) =>
    on(pick(members(store, 'fp')), ([key, id]) => tx.srem(key, id)),
  'a baton is lost': (tx, store, pick) => on(pick(members(store, 'bt')), ([key, id]) => tx.srem(key, id)),
  'a lane has no record': (tx, store, pick) => on(pick(fullLanes(store)), (lane) => tx.hdrop(`li|${lane}`)),
  'a lane is said to be parked': (tx, store, pick) =>
    on(pick(fullLanes(store)), (lane) => tx.hset(`li|${lane}`, { par: '1' })),
  'a lane is not listed': (tx, store, pick) => on(pick(fullLanes(store)), (lane) => tx.zrem('lanes', lane)),
  'a function is not runnable': lose('ar'),
  'an account is not runnable': lose('acc'),
  'a function is said to be parked': (tx, store, pick) =>
    on(pick(fullLanes(store)), (lane) => tx.hset(`fn|${lane.split('|')[0]}`, { par: '1' })),
  'an account is said to be parked': (tx, store, pick) =>
    on(pick(fullLanes(store)), () => tx.hset('acct|account-1', { par: '1' })),
  'a function is not listed': (tx, store, pick) =>
    on(pick(fullLanes(store)), (lane) => tx.zrem('fns', lane.split('|')[0] ?? '')),
  'a run is not listed': lose('runs'),
  'a run counts too many jobs': corrupt('nj', '7'),
  'a run counts no jobs': corrupt('nj', '0'),
  'a run counts too many leases': corrupt('nl', '7'),
  'a run believes that a discovery is queued': corrupt('dq', BOGUS),
  'a run believes that a discovery is in progress': corrupt('dl', BOGUS),
  'a run believes that a group is pending': corrupt('grp', '3'),
  'a group has lost a member': (tx, store, pick) => on(pick(ofRuns(store, 'pg')), ([key, id]) => tx.srem(key, id)),
  'a run believes that steps race': corrupt('rac', '3'),
  'a race has lost a member': (tx, store, pick) => on(pick(ofRuns(store, 'pr')), ([key, id]) => tx.srem(key, id)),
  'a pause is lost': (tx, store, pick) => on(pick(store.ids('pz')), ([, key]) => tx.hdrop(key)),
  'a pause is not listed': lose('pauses'),
  'a pause is not found': lose('pzs', 'pzq', 'pzx'),
  'the paths of pauses are lost': (tx, store, pick) => on(pick(store.ids('pzp')), ([, key]) => tx.hdrop(key)),
  'a run forgets a pause': (tx, store, pick) => on(pick(ofRuns(store, 'pz')), ([key, id]) => tx.srem(key, id)),
  'a signal is forgotten': (tx, store, pick) => on(pick(store.ids('sig')), ([, key]) => tx.drop(key)),
  'a buffer has no timer': (tx, store, pick) =>
    on(pick(store.scores('buffers').keys()), (entry) => tx.zrem('due', `B|${entry}`)),
  'a buffer is not listed': lose('buffers'),
  'the record of a buffer is lost': (tx, store, pick) => on(pick(store.ids('bf')), ([, key]) => tx.hdrop(key)),
  'what a buffer holds is lost': (tx, store, pick) =>
    on(pick(store.ids('bf')), ([, key]) => tx.mdrop(`bi|${store.doc(key)?.['id']}`)),
  'a dedup key is lost': (tx, store, pick) =>
    on(pick(store.runs()), ([, run]) => tx.hdrop(`idem|${run['fn']}|${run['dk']}`)),
  'a singleton is lost': (tx, store, pick) => on(pick(store.ids('sg')), ([, key]) => tx.drop(key)),
  'the events of a run are lost': (tx, store, pick) => on(pick(store.runs()), ([runId]) => tx.drop(`run|${runId}|ev`)),
  'the record of a run is lost': (tx, store, pick) =>
    on(pick([...store.runs()].filter(([, run]) => !run['sg'])), ([runId, run]) => loseRecord(tx, runId, run)),
};

test.each(Object.entries(damages))(
  '%s: reconciling restores every invariant, and every run ends',
  async (_, damage) => {
    const story = fc.asyncProperty(happenings(), fc.nat({ max: 1000 }), async (events, pick) => {
      fc.pre(await playDamaged(events, damage, pick));
    });

    await expect(fc.assert(story, { numRuns: STORIES, maxSkipsPerRun: SKIPS_MAX })).resolves.toBeUndefined();
  },
  300_000,
);

test('what is wrong is named', async () => {
  const path = mkdtempSync(join(tmpdir(), 'perdure-damage-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  const clock = testClock();
  const later = await withStore(path, clock, async (store) => {
    const play = new Player(store, clock);
    await play.setFunction({ keyed: [1] });
    for (let i = 0; i < 3; i++) await play.create({ keys: { keyed: ['k'] } });
    await play.claimOne();
    await play.claim();
    const runId = await play.create({ functionId: 'fn-2', notBefore: clock.now() + 1000 });
    expect(await auditAll(store)).toEqual([]);
    return runId;
  });
  const lane = 'fn-1|S||k||';
  damageFile(
    path,
    (tx) => {
      tx.zrem('due', `${later}.start`);
      tx.srem('ctr|k|k', 'run000001.start');
      tx.sadd('ctr|f|fn-1', 'run000009.start');
      tx.zrem('lease', 'run000001.start');
      tx.zadd('fr|fn-1|S', 1, lane);
      tx.zrem(`lane|${lane}`, 'run000002.start');
      return true;
    },
    0,
  );

  const problems = await withStore(path, clock, (store) => auditAll(store));

  expect(problems.toSorted()).toEqual([
    'counter f|fn-1 is held by run000009.start, which is not in progress',
    'function fn-1 could run and is not runnable',
    'job run000001.start is not in lease as its state says',
    'job run000002.start is ready and not in its lane fn-1|S||k||',
    `job ${later}.start is not in due as its state says`,
    'lane fn-1|S||k|| does not stand as its record and its jobs say',
    'run000001.start is in progress and does not hold counter k|k',
  ]);
});

test('what a lost job held under keys that were given to its run later is released', async () => {
  const path = mkdtempSync(join(tmpdir(), 'perdure-damage-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  const clock = testClock();
  const { jobId, runId } = await withStore(path, clock, async (store) => {
    const play = new Player(store, clock);
    await play.setFunction({ keyed: [1], run: 1, keysId: 'old' });
    const job = await play.start({ keys: { keyed: ['k'], run: 'r' }, keysId: 'old' });
    await play.setFunction({ keyed: [1], run: 1, version: 2, keysId: 'new' });
    const runs = [{ runId: job.run.runId, keys: { keyed: ['x'], run: 'y' } }];
    await store.rekey({ functionId: 'fn-1', keysId: 'new', from: 0, after: 9, isLast: true, runs });
    return { jobId: job.jobId, runId: job.run.runId };
  });
  damageFile(
    path,
    (tx, stored) => {
      tx.hdrop(`run|${runId}|job|${jobId}`);
      loseRecord(tx, runId, stored.doc(`run|${runId}`) ?? {});
      return true;
    },
    0,
  );

  await withStore(path, clock, async (store) => {
    // Of account and function, of the step-level and of the run-level key.
    expect(await reconcileAll(store)).toMatchObject({ holders: 4 });
    expect(await store.checkInvariants()).toEqual([]);
  });
});

test('a run whose events are lost ends when its next job is claimed, chained or not', async () => {
  const path = mkdtempSync(join(tmpdir(), 'perdure-damage-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  const clock = testClock();
  const job = await withStore(path, clock, async (store) => {
    const play = new Player(store, clock);
    const leased = await play.start();
    await play.create();
    return leased;
  });
  for (const index of [0, 1]) damageFile(path, damages['the events of a run are lost']!, index);

  await withStore(path, clock, async (store) => {
    const play = new Player(store, clock);
    const chain = { token: 't', leaseMs: LEASE_MS, knownStack: -1 };
    expect(await play.advance(job, { saves: [save('a')], chain })).toEqual({ kind: 'advanced', hasReady: true });

    expect((await store.claim({ workerId: 'x', claimId: 'x', jobsMax: 10, leaseMs: LEASE_MS })).jobs).toEqual([]);

    expect(await store.counts()).toMatchObject({ runs: 0, ready: 0, leased: 0 });
    const ends = (await play.drainOutbox()).filter((entry) => entry.kind === 'run-ended');
    expect(ends.map((end) => [end.status, end.reason, end.events])).toEqual([
      ['Failed', 'StateLost', '[]'],
      ['Failed', 'StateLost', '[]'],
    ]);
    expect(await store.checkInvariants()).toEqual([]);
  });
});

test('events of a buffer whose record is lost are told all the same, once', async () => {
  const path = mkdtempSync(join(tmpdir(), 'perdure-damage-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  const clock = testClock();
  const buffer = { kind: 'batch', key: 'k', eventsMax: 10, bytesMax: 1000, timeoutMs: 1000 } as const;
  const names = ['a', 'b', 'c'];
  await withStore(path, clock, async (store) => {
    const play = new Player(store, clock);
    for (const meta of names) await play.schedule({ buffer, meta, correlationId: `by.${meta}` });
  });
  damageFile(path, damages['the record of a buffer is lost']!, 0);

  await withStore(path, clock, async (store) => {
    const play = new Player(store, clock);
    await reconcileAll(store);
    await clock.advanceBy(1000);
    await play.claim();

    const told = (await store.readOutbox(10)).map((entry) => entry.kind === 'buffer-closed' && entry.buffer);
    expect(told).toMatchObject([
      { functionId: 'fn-1', kind: 'batch', items: names.map((meta) => ({ meta })), callers: ['by.a', 'by.b', 'by.c'] },
    ]);
    expect(await store.checkInvariants()).toEqual([]);
  });
});

/** Answers whether there was anything to damage. */
async function playDamaged(events: Happening[], damage: Damage, index: number): Promise<boolean> {
  const path = mkdtempSync(join(tmpdir(), 'perdure-damage-'));
  const clock = testClock();
  try {
    await withStore(path, clock, async (store) => {
      const story = new Story(new Player(store, clock));
      await story.begin();
      for (const event of events) await story.happen(event);
    });
    if (!damageFile(path, damage, index)) return false;
    await withStore(path, clock, (store) => expectRepaired(store, clock));
    return true;
  } finally {
    rmSync(path, { recursive: true });
  }
}

async function withStore<Result>(
  path: string,
  clock: TestClock,
  use: (store: Store) => Promise<Result>,
): Promise<Result> {
  const store = await openEmbeddedStore({ path, clock });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

function damageFile(path: string, damage: Damage, index: number): boolean {
  const table = new SqliteTable(join(path, 'store.sqlite'));
  try {
    return table.transact(() => {
      const tx = new EmbeddedTx(table);
      const store = new Snapshot(dumpAll(table));
      const isDone = damage(tx, store, (items) => {
        const all = [...items];
        return all[index % Math.max(1, all.length)];
      });
      // Claims of the new player have the IDs of the old one's.
      tx.hdrop('wk|w');
      tx.flush();
      return isDone;
    });
  } finally {
    table.close();
  }
}

async function expectRepaired(store: Store, clock: TestClock): Promise<void> {
  const damaged = await store.dump();
  const problems = await auditAll(store, 3);
  expect(await store.dump()).toEqual(damaged);
  await reconcileAll(store, 3);
  // An audit tells of damage whenever there is something to be put right, and only then.
  expect({ problems, isRepaired: !isDeepStrictEqual(await store.dump(), damaged) }).toEqual({
    problems,
    isRepaired: problems.length > 0,
  });
  expect(await auditAll(store)).toEqual([]);
  // What leads to lost pauses is dropped by whoever comes upon it.
  await store.findPauses({ envId: 'env-1', event: 'a/resume', anchors: [], pausesMax: 1000 });
  await store.resume({ envId: 'env-1', kind: 'signal', correlationId: 'sig', memo: 'null' });
  expect(await store.checkInvariants()).toEqual([]);
  const stored = await store.dump();
  await reconcileAll(store, 7);
  expect(await store.dump()).toEqual(stored);
  await new Story(new Player(store, clock)).finish();
  expect(await store.checkInvariants()).toEqual([]);
}
