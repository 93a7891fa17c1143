import { testClock } from '@perdure/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AdvanceArgs, ClaimedJob, ConstraintKeys, FunctionLimits, StepPlan } from '../store.ts';
import { findLeftovers } from '../invariants/find-leftovers.ts';
import {
  ACCOUNT,
  auditAll,
  collectAll,
  DAY_MS,
  LEASE_MS,
  lease,
  Player,
  reconcileAll,
  run,
  save,
  signal,
  sleep,
  wait,
  type OpenStore,
} from './player.ts';

const FUNCTIONS = ['fn-1', 'fn-2', 'fn-3'];
const KEYS = ['k1', 'k2'];
/** Longer than any timer that a step of a random story sets. */
const LONG_MS = 10 * 60_000;
/** Claims that the end of a story may take: a bound on the test, generous against what it plays. */
const CLAIMS_MAX = 3000;

/** One thing that happens in a random story. Numbers pick one of what is there at the time. */
export type Happening =
  | { kind: 'schedule'; fn: number; key: number; priority: number; delayMs: number; singleton: number }
  | { kind: 'buffer'; fn: number; key: number; event: number; isBatch: boolean; ms: number; olderByMs: number }
  | { kind: 'claim'; jobsMax: number }
  | { kind: 'answer'; pick: number; shape: number; chain: boolean; version: number; repeat: boolean }
  | { kind: 'retry'; pick: number; delayMs: number; reason: number }
  | { kind: 'complete'; pick: number }
  | { kind: 'cancel'; pick: number }
  | { kind: 'forget'; pick: number }
  | { kind: 'resume'; pick: number }
  | { kind: 'advanceClock'; ms: number }
  | { kind: 'limits'; fn: number; concurrency: number; keyed: number; run: number; throttle: number }
  | { kind: 'expressions'; fn: number }
  | { kind: 'rekey'; pick: number; runsMax: number }
  | { kind: 'account'; limit: number }
  | { kind: 'state'; fn: number; state: number }
  | { kind: 'collect' }
  | { kind: 'drainOutbox' }
  | { kind: 'reconcile'; runsMax: number }
  | { kind: 'expireLeases' };

const small = fc.nat({ max: 30 });
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('schedule' as const),
      fn: fc.nat({ max: 2 }),
      key: fc.nat({ max: 8 }),
      priority: fc.integer({ min: -5, max: 5 }),
      delayMs: fc.constantFrom(0, 0, 0, 50),
      singleton: fc.nat({ max: 5 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('buffer' as const),
      fn: fc.nat({ max: 2 }),
      key: fc.nat({ max: 1 }),
      event: fc.nat({ max: 30 }),
      isBatch: fc.boolean(),
      ms: fc.constantFrom(5, 50, 500),
      olderByMs: fc.constantFrom(0, 0, 20),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('claim' as const), jobsMax: fc.constantFrom(1, 1, 2, 10) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      pick: small,
      shape: fc.nat({ max: 9 }),
      chain: fc.boolean(),
      version: fc.constantFrom(1, 2, 2),
      repeat: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('retry' as const),
      pick: small,
      delayMs: fc.constantFrom(0, 20),
      reason: fc.nat({ max: 2 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('complete' as const), pick: small }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), pick: small }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), pick: small }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('resume' as const), pick: small }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('advanceClock' as const),
      ms: fc.constantFrom(1, 10, 100, 1000, LEASE_MS + 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('limits' as const),
      fn: fc.nat({ max: 2 }),
      concurrency: fc.integer({ min: 1, max: 5 }),
      keyed: fc.integer({ min: 1, max: 3 }),
      run: fc.integer({ min: 1, max: 3 }),
      throttle: fc.nat({ max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expressions' as const), fn: fc.nat({ max: 2 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('rekey' as const), pick: small, runsMax: fc.constantFrom(1, 2, 100) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('account' as const), limit: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('state' as const), fn: fc.nat({ max: 2 }), state: fc.nat({ max: 2 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('collect' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drainOutbox' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('reconcile' as const), runsMax: fc.constantFrom(1, 3, 100) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expireLeases' as const) }) },
);

/** What may happen in a story. */
export function happenings(): fc.Arbitrary<Happening[]> {
  return fc.array(happening, { minLength: 10, maxLength: 80, size: 'max' });
}

interface BufferedItem {
  meta: string;
  eventAt: number;
}

/** Plays a random story, keeping what executors would know. */
export class Story {
  readonly #play: Player;
  /** Leases that somebody believes to have. */
  #held: ClaimedJob[] = [];
  readonly #runs: string[] = [];
  /** What each buffer is to be told with, and with what it was told, each time. */
  readonly #buffers = new Map<string, BufferedItem[]>();
  readonly #told = new Map<string, string[][]>();
  readonly #limits = new Map<string, FunctionLimits>();
  #version = 1;
  #accountLimit = 4;
  /** Which key expressions the functions have: what `keysOf` takes. */
  readonly #expressions = new Map<string, number>();

  constructor(play: Player) {
    this.#play = play;
  }

  async begin(): Promise<void> {
    for (const fn of FUNCTIONS) await this.setLimits(fn, { keyed: [2, 2], run: 2 });
    await this.#play.store.setAccountConcurrency(ACCOUNT, this.#accountLimit);
  }

  async happen(event: Happening): Promise<void> {
    const { store, clock } = this.#play;
    switch (event.kind) {
      case 'schedule':
        return this.#schedule(event);
      case 'buffer':
        return this.#buffer(event);
      case 'claim':
        return this.#claim(event.jobsMax);
      case 'answer':
        return this.#answer(event);
      case 'retry':
        return this.#withJob(event.pick, async (job) => {
          const reason = (['failure', 'infrastructure', 'drain'] as const)[event.reason] ?? 'drain';
          const args = { lease: lease(job), notBefore: clock.now() + event.delayMs, reason };
          const result = await store.retry(args);
          if (result === 'retried') expect(await store.retry(args)).toBe('retried');
        });
      case 'complete':
        return this.#withJob(event.pick, async (job) => {
          await store.finalize({ runId: job.run.runId, lease: lease(job), status: 'Completed' });
        });
      case 'cancel': {
        const runId = this.#runs[event.pick % Math.max(1, this.#runs.length)];
        if (runId !== undefined) await store.finalize({ runId, status: 'Cancelled' });
        return;
      }
      case 'forget':
        return this.#withJob(event.pick, async () => undefined);
      case 'resume': {
        const { pauses } = await store.findPauses({ envId: 'env-1', event: 'a/resume', anchors: [], pausesMax: 50 });
        const pause = pauses[event.pick % Math.max(1, pauses.length)];
        if (pause) await store.consumePause({ pauseId: pause.pauseId, memo: '"event"' });
        await store.resume({ envId: 'env-1', kind: 'signal', correlationId: 'sig', memo: '"signal"' });
        return;
      }
      case 'advanceClock':
        return clock.advanceBy(event.ms);
      case 'limits':
        return this.#setLimits(event);
      case 'expressions': {
        const fn = fnOf(event.fn);
        this.#expressions.set(fn, this.#expressionsOf(fn) + 1);
        return this.setLimits(fn, this.#limits.get(fn) ?? {});
      }
      case 'rekey':
        return this.#rekey(event.pick, event.runsMax);
      case 'account':
        this.#accountLimit = event.limit;
        return store.setAccountConcurrency(ACCOUNT, event.limit);
      case 'state':
        return store.setFunctionState(
          fnOf(event.fn),
          (['active', 'paused', 'drained'] as const)[event.state] ?? 'active',
        );
      case 'collect':
        await store.collectGarbage(5);
        return;
      case 'drainOutbox':
        await this.#drainOutbox();
        return;
      case 'reconcile': {
        const { runs, ...repairs } = await this.#play.withoutTrace(() => reconcileAll(store, event.runsMax));
        expect(repairs).toEqual({ redriven: [], holders: 0, lanes: 0 });
        expect(runs).toBe((await store.counts()).runs);
        expect(await this.#play.withoutTrace(() => auditAll(store, event.runsMax))).toEqual([]);
        return;
      }
      case 'expireLeases':
        await store.expireLeases();
    }
  }

  async #schedule(event: Extract<Happening, { kind: 'schedule' }>): Promise<void> {
    const { clock } = this.#play;
    const now = clock.now();
    const expressions = this.#expressionsOf(fnOf(event.fn));
    // Now and then by a runner that does not know the latest.
    const known = event.priority === 4 ? Math.max(0, expressions - 1) : expressions;
    const args = this.#play.aRun({
      functionId: fnOf(event.fn),
      priority: event.priority,
      notBefore: now + event.delayMs,
      keys: keysOf(known, event.key),
      keysId: keysIdOf(known),
      events: JSON.stringify([{ key: event.key }]),
      ...(event.singleton < 2 && { singleton: { key: 's', mode: event.singleton === 0 ? 'skip' : 'cancel' } }),
      ...(event.key === 3 && { startTimeoutMs: 500 }),
      ...(event.key === 4 && {
        cancelOn: [
          { pauseId: this.#play.unique('c'), kind: 'cancel' as const, event: 'a/resume', expiresAt: now + 1000 },
        ],
      }),
    });
    const result = await this.#play.store.schedule(args);
    expect(await this.#play.store.schedule(args)).toEqual(result);
    if (result.kind === 'created') this.#runs.push(result.runId);
  }

  async #buffer(event: Extract<Happening, { kind: 'buffer' }>): Promise<void> {
    const { fn, key: keyIndex, isBatch, ms, olderByMs } = event;
    const key = KEYS[keyIndex] ?? '';
    const eventAt = this.#play.clock.now() - olderByMs;
    const args = this.#play.aRun({
      functionId: fnOf(fn),
      dedupKey: `buffered ${event.event}`,
      buffer: isBatch
        ? { kind: 'batch', key, eventsMax: 3, bytesMax: 1000, timeoutMs: ms }
        : { kind: 'debounce', key, periodMs: ms, timeoutMs: 60, eventAt },
      ...(event.event % 5 === 0 && { correlationId: this.#play.unique('caller') }),
    });
    args.meta = args.runId;
    const result = await this.#play.store.schedule(args);
    expect(await this.#play.store.schedule(args)).toEqual(result);
    expect(['buffered', 'duplicate', 'skipped']).toContain(result.kind);
    if (result.kind !== 'buffered') return;
    const items = this.#buffers.get(result.bufferId) ?? [];
    if (isBatch) items.push({ meta: args.meta, eventAt });
    else if (eventAt >= (items[0]?.eventAt ?? 0)) items[0] = { meta: args.meta, eventAt };
    this.#buffers.set(result.bufferId, items);
  }

  /** Whether there was anything. */
  async #drainOutbox(): Promise<boolean> {
    const entries = await this.#play.drainOutbox();
    for (const entry of entries) {
      if (entry.kind !== 'buffer-closed') continue;
      const { bufferId, items } = entry.buffer;
      this.#told.set(bufferId, [...(this.#told.get(bufferId) ?? []), items.map(({ meta }) => meta)]);
    }
    return entries.length > 0;
  }

  #expectBuffersTold(): void {
    for (const [bufferId, items] of this.#buffers) {
      expect(this.#told.get(bufferId)).toEqual([items.map(({ meta }) => meta)]);
    }
  }

  #expressionsOf(fn: string): number {
    return this.#expressions.get(fn) ?? 0;
  }

  /** A page of one of the functions whose runs are to be keyed anew; a repeat changes nothing. */
  async #rekey(pick: number, runsMax: number): Promise<void> {
    const { store } = this.#play;
    const rekeys = await store.findRekeys();
    const rekey = rekeys[pick % Math.max(1, rekeys.length)];
    if (rekey === undefined) return;
    const { functionId, keysId, after: from } = rekey;
    const { runs, after, isLast } = await store.listRuns({ ...rekey, runsMax, withEvents: true });
    const keyed = runs.map(({ runId, events }) => ({ runId, keys: keysOf(Number(keysId.slice(1)), keyIn(events)) }));
    await this.#play.twice(() => store.rekey({ functionId, keysId, from, after, isLast, runs: keyed }));
  }

  async #claim(jobsMax: number): Promise<void> {
    const args = { workerId: 'w', claimId: this.#play.unique('claim'), jobsMax, leaseMs: LEASE_MS };
    const before = await this.#sizesOfCounters();
    const { jobs } = await this.#play.store.claim(args);
    expect((await this.#play.store.claim(args)).jobs).toEqual(jobs);
    this.#held.push(...jobs);
    await this.#expectWithinLimits(before);
  }

  async #sizesOfCounters(): Promise<Map<string, number>> {
    const counters = Object.entries(await this.#play.store.dump()).filter(([key]) => key.startsWith('ctr|'));
    return new Map(counters.map(([key, holders]) => [key.slice('ctr|'.length), (holders as string[]).length]));
  }

  /** A limit that was lowered, or keys that changed, may leave a counter above its limit: it does not grow then. */
  async #expectWithinLimits(before: Map<string, number>): Promise<void> {
    for (const [counter, held] of await this.#sizesOfCounters()) {
      const isGrown = held > (before.get(counter) ?? 0);
      if (isGrown) expect(held, counter).toBeLessThanOrEqual(this.#limitOf(counter));
    }
  }

  /** Of those that functions have for a counter that they share, the highest. */
  #limitOf(counter: string): number {
    const [kind, name] = counter.split('|');
    if (kind === 'a') return this.#accountLimit;
    const all = [...this.#limits.values()];
    if (kind === 'f') return all.find(({ functionId }) => functionId === name)?.concurrency ?? 0;
    return Math.max(...all.flatMap(({ keyed, run: ofRuns = 0 }) => (kind === 'k' ? keyed : [ofRuns])));
  }

  async #answer(event: Extract<Happening, { kind: 'answer' }>): Promise<void> {
    await this.#withJob(event.pick, async (job) => {
      const args = this.#play.anAdvance(job, {
        ...this.#shapeOf(event.shape, job),
        requestVersion: event.version,
        ...(event.chain && { chain: { token: this.#play.unique('t'), leaseMs: LEASE_MS, knownStack: 0 } }),
      });
      const result = await this.#play.store.advance(args);
      if (event.repeat && result.kind === 'advanced' && (await this.#play.store.findRun(job.run.runId))) {
        expect(await this.#play.store.advance(args)).toEqual(result);
      }
      if (result.kind === 'advanced' && result.next) this.#held.push(result.next);
      if (result.kind === 'signal-conflict') this.#held.push(job);
    });
  }

  /** What an SDK could answer. A targeted call mostly answers for its step. */
  #shapeOf(shape: number, job: ClaimedJob): Partial<AdvanceArgs> {
    const at = (ms: number): number => this.#play.clock.now() + ms;
    const hash = (name: string): string => `${name}-${job.stackPosition}`;
    if (job.target !== 'step' && shape > 1) return { saves: [save(job.target)] };
    const plans: StepPlan[][] = [
      [],
      [run(hash('p')), run(hash('q'))],
      [run(hash('p'), true), run(hash('q'), true), sleep(hash('z'), at(40), true)],
      [run(hash('p')), sleep(hash('z'), at(30)), wait(hash('w'), this.#pause(job, 'w', at(60)))],
      [sleep(hash('z'), at(25))],
      [wait(hash('w'), this.#pause(job, 'w', at(80)))],
      [signal(hash('g'), 'sig', 'fail', this.#pause(job, 'g', at(50)))],
      [signal(hash('g'), 'sig', 'replace', this.#pause(job, 'g', at(50)))],
      [run(hash('p'))],
    ];
    const planned = plans[shape];
    return planned === undefined ? { saves: [save(hash('s'))] } : { plans: planned };
  }

  #pause(job: ClaimedJob, name: string, expiresAt: number): { pauseId: string; expiresAt: number } {
    return { pauseId: `${job.run.runId}.${name}-${job.stackPosition}`, expiresAt };
  }

  async #setLimits(event: Extract<Happening, { kind: 'limits' }>): Promise<void> {
    this.#version += 1;
    const { concurrency, keyed, run: runLimit, throttle } = event;
    await this.setLimits(fnOf(event.fn), {
      concurrency,
      keyed: [keyed, keyed + 1],
      run: runLimit,
      ...(throttle > 0 && { throttle: { limit: throttle, burst: 0, periodMs: 1000 } }),
    });
  }

  async setLimits(functionId: string, overrides: Partial<FunctionLimits>): Promise<void> {
    const limits = {
      functionId,
      accountId: ACCOUNT,
      version: this.#version,
      weight: 1,
      concurrency: 4,
      keyed: [],
      ...overrides,
      keysId: keysIdOf(this.#expressionsOf(functionId)),
    };
    this.#limits.set(functionId, limits);
    await this.#play.store.setFunction(limits);
  }

  async #withJob(pick: number, act: (job: ClaimedJob) => Promise<void>): Promise<void> {
    const [job] = this.#held.length === 0 ? [] : this.#held.splice(pick % this.#held.length, 1);
    if (job) await act(job);
  }

  /** Executors come back, functions are active: every run can be driven to its end. */
  async finish(): Promise<void> {
    const { store, clock } = this.#play;
    for (const fn of FUNCTIONS) await store.setFunctionState(fn, 'active');
    while ((await store.findRekeys()).length > 0) await this.#rekey(0, 3);
    await this.#expectKeysOfExpressions();
    this.#held = [];
    for (let claims = 0; claims < CLAIMS_MAX; claims++) {
      const { jobs, nextWakeAt } = await store.claim({
        workerId: 'w',
        claimId: this.#play.unique('claim'),
        jobsMax: 10,
        leaseMs: LEASE_MS,
      });
      for (const job of jobs) await this.#finishJob(job);
      if (jobs.length > 0) continue;
      if (nextWakeAt === undefined) break;
      if (nextWakeAt > clock.now()) await clock.advanceTo(nextWakeAt);
    }
    await clock.advanceBy(LONG_MS);
    expect(await store.counts()).toMatchObject({
      runs: 0,
      delayed: 0,
      ready: 0,
      leased: 0,
      parkedLanes: 0,
      buffers: 0,
    });
    await this.#expectEmpty();
    this.#expectBuffersTold();
  }

  /** Nothing is known of a story that another has begun. */
  async #expectKeysOfExpressions(): Promise<void> {
    const dump = await this.#play.store.dump();
    for (const [functionId] of this.#limits) {
      const page = { functionId, after: 0, runsMax: 1000, withEvents: true };
      for (const { runId, events } of (await this.#play.store.listRuns(page)).runs) {
        const { thr, k1, k2, r } = dump[`run|${runId}`] as Record<string, string | undefined>;
        const { throttle, keyed = [], run: level } = keysOf(this.#expressionsOf(functionId), keyIn(events));
        expect([thr || undefined, k1 || undefined, k2 || undefined, r || undefined]).toEqual([
          throttle,
          keyed[0],
          keyed[1],
          level,
        ]);
      }
    }
  }

  /** What ended runs leave expires, and then nothing is left but limits. */
  async #expectEmpty(): Promise<void> {
    const { store, clock } = this.#play;
    while (await this.#drainOutbox());
    await collectAll(store);
    expect(findLeftovers(await store.dump())).toEqual([]);
    await clock.advanceBy(DAY_MS);
    await collectAll(store);
    await clock.advanceBy(DAY_MS);
    await collectAll(store);
    expect(Object.keys(await store.dump()).filter((key) => !/^(?:sys$|fns$|fn\||acct\|)/.test(key))).toEqual([]);
  }

  /** A targeted call saves its step; the discovery that follows with nothing else to do ends the run. */
  async #finishJob(job: ClaimedJob): Promise<void> {
    const { store } = this.#play;
    if (job.target === 'step') {
      await store.finalize({ runId: job.run.runId, lease: lease(job), status: 'Completed' });
      return;
    }
    await store.advance(this.#play.anAdvance(job, { saves: [save(job.target)] }));
  }
}

/** What the expressions give for an event with this key. */
function keysOf(expressions: number, key: number): ConstraintKeys {
  const keyed = KEYS[(key + expressions) % 3];
  return {
    ...(keyed !== undefined && { keyed: expressions % 2 === 0 ? [keyed, 'shared'] : ['shared', keyed] }),
    ...((key + expressions) % 9 > 4 && { run: expressions % 3 === 2 ? 'another' : 'level' }),
    ...((key + expressions) % 2 === 0 && { throttle: 'bucket' }),
  };
}

function keysIdOf(expressions: number): string {
  return `e${expressions}`;
}

function keyIn(events: string): number {
  return (JSON.parse(events) as [{ key: number }])[0].key;
}

function fnOf(index: number): string {
  return FUNCTIONS[index] ?? 'fn-1';
}

export function describeRandomStories(open: OpenStore, stories: number): void {
  describe('random stories', () => {
    test('keep every invariant and every limit, and leave no run stuck', { timeout: 600_000 }, async () => {
      const story = fc.asyncProperty(happenings(), (events) => playStory(open, events));

      await expect(fc.assert(story, { numRuns: stories })).resolves.toBeUndefined();
    });
  });
}

async function playStory(open: OpenStore, events: Happening[]): Promise<void> {
  const clock = testClock();
  const store = await open({ clock });
  try {
    const story = new Story(new Player(store, clock));
    await story.begin();
    for (const event of events) {
      await story.happen(event);
      expect(await store.checkInvariants(), JSON.stringify(event)).toEqual([]);
    }
    await story.finish();
    expect(await store.checkInvariants()).toEqual([]);
  } finally {
    await store.close();
  }
}
