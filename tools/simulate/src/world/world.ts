import type { FunctionLimits } from '@perdure/store';
import type { OperationArgs, OperationResult } from '@perdure/store/simulation';

import { Random } from '../core/random.ts';
import { VirtualTime } from '../core/virtual-time.ts';
import { CapacityObserver } from '../observe/capacity-observer.ts';
import { Findings } from '../observe/findings.ts';
import { ReadyJobs } from '../observe/ready-jobs.ts';
import { TokensObserver } from '../observe/tokens-observer.ts';
import { Waits } from '../observe/waits.ts';
import { SimulatedStore } from '../store/simulated-store.ts';
import { Executor } from './executor.ts';
import type { HeldJob, LiveRun, NewRun, SimulatedFunction } from './model.ts';

export interface WorldOptions {
  seed: number;
  executors: number;
  slotsEach: number;
  /** Of hints, these get lost. */
  hintsLost?: number;
  leaseMs?: number;
}

type JobView = OperationResult<'claim'>['jobs'][number];

/** The time that a hint takes to those who wait for it. */
const HINT_MS = 0.5;
const OUTBOX_MS = 50;
const OUTBOX_PAGE = 1000;
const GARBAGE_MS = 60_000;
const GARBAGE_PAGE = 1000;
const EVENTS = '[{"name":"simulated/event","data":{}}]';
const EVENT_BYTES = EVENTS.length;
const ATTEMPTS_MAX = 4;

/**
 * One cell of a store with its executors and runner, in virtual time. Operations are atomic and take no time; what is on its way
 * to the store and back does. Beside the store stands what the simulation itself knows: which runs live, what is ready, who
 * holds what. Where the store does otherwise, that is a finding.
 */
export class World {
  readonly time = new VirtualTime();
  readonly random: Random;
  readonly store = new SimulatedStore(this.time);
  readonly leaseMs: number;
  readonly executors: Executor[];
  readonly live = new Map<string, LiveRun>();

  /** Limits that were not kept. */
  readonly violations = new Findings();
  readonly accountLimits = new Map<string, number>();
  readonly capacity = new CapacityObserver(this.accountLimits, this.violations);
  readonly ready = new ReadyJobs(this.violations);
  readonly throttles = new TokensObserver('throttle', this.violations);
  readonly rateLimits = new TokensObserver('rate limit', this.violations);
  readonly waits = new Waits();
  /** Jobs granted, by tenant and by function. */
  readonly servedTenants = new Map<string, number>();
  readonly servedFunctions = new Map<string, number>();
  jobs = 0;
  runsEnded = 0;
  /** Runs that were not created, by why. */
  readonly turnedAway = new Map<string, number>();

  readonly #singletons = new Map<string, LiveRun>();
  readonly #hintsLost: number;
  #serial = 0;
  #isHintUnderway = false;
  #isOutboxDue = false;

  constructor({ seed, executors, slotsEach, hintsLost = 0, leaseMs = 30_000 }: WorldOptions) {
    this.random = new Random(seed);
    this.#hintsLost = hintsLost;
    this.leaseMs = leaseMs;
    this.executors = Array.from({ length: executors }, () => new Executor(this, slotsEach));
    this.time.after(GARBAGE_MS, () => this.#collectGarbage());
  }

  unique(prefix: string): string {
    this.#serial += 1;
    return prefix + String(this.#serial).padStart(9, '0');
  }

  /** From here to the store, or back. */
  wayMs(): number {
    return this.random.between(0.1, 0.4);
  }

  // ------------------------------------------------------------------------------------------------------- functions

  addFunction(
    limits: Partial<FunctionLimits> & { functionId: string },
    behaviour: { callMs: number; failureRate?: number },
  ): SimulatedFunction {
    const fn: SimulatedFunction = {
      limits: { accountId: 'account', version: 1, weight: 1, concurrency: 1000, keyed: [], ...limits },
      isPaused: false,
      callMs: behaviour.callMs,
      failureRate: behaviour.failureRate ?? 0,
    };
    this.#storeLimits(fn);
    return fn;
  }

  /** A new version with other limits, as a sync brings one. */
  changeLimits(fn: SimulatedFunction, limits: Partial<FunctionLimits>): void {
    fn.limits = { ...fn.limits, ...limits, version: fn.limits.version + 1 };
    this.#storeLimits(fn);
  }

  #storeLimits(fn: SimulatedFunction): void {
    while (this.store.run('setFunction', fn.limits));
  }

  limitAccount(accountId: string, limit: number): void {
    this.accountLimits.set(accountId, limit);
    this.store.run('setAccountConcurrency', { accountId, limit });
  }

  pause(fn: SimulatedFunction, isPaused: boolean): void {
    fn.isPaused = isPaused;
    this.store.run('setFunctionState', { functionId: fn.limits.functionId, state: isPaused ? 'paused' : 'active' });
    if (!isPaused) this.hint();
  }

  // ------------------------------------------------------------------------------------------------------------ runs

  /** Schedules a run. Undefined when it was turned away. */
  schedule(asked: NewRun): LiveRun | undefined {
    const { fn } = asked;
    const runId = this.unique('run');
    const notBefore = this.store.now + Math.ceil(asked.delayMs ?? 0);
    const result = this.store.run('schedule', {
      runId,
      functionId: fn.limits.functionId,
      accountId: fn.limits.accountId,
      envId: 'env',
      appId: 'app',
      functionVersion: fn.limits.version,
      dedupKey: runId,
      notBefore,
      priority: asked.priority ?? 0,
      keys: asked.keys ?? {},
      attemptsMax: ATTEMPTS_MAX,
      events: EVENTS,
      eventsBytes: EVENT_BYTES,
      meta: '{}',
      publishesEnd: true,
      ...(asked.singleton && { singleton: asked.singleton }),
      ...(asked.rateLimit && { rateLimit: asked.rateLimit }),
    });
    this.#outboxFilled();
    if (result.kind !== 'created') {
      this.#noteTurnedAway(asked, result);
      return undefined;
    }
    return this.#begin(asked, runId, notBefore);
  }

  #begin(asked: NewRun, runId: string, notBefore: number): LiveRun {
    const run: LiveRun = {
      ...asked,
      runId,
      done: 0,
      saved: 0,
      open: new Set(),
      held: new Set(),
      hasStarted: false,
      isLive: true,
      readySince: [],
    };
    this.#takeSingleton(run);
    if (asked.rateLimit) {
      const { bucket, limit, periodMs } = asked.rateLimit;
      this.rateLimits.take(bucket, { capacity: limit, limit, periodMs }, this.store.now);
    }
    this.live.set(runId, run);
    this.readyAt(run, notBefore);
    this.hint();
    return run;
  }

  #takeSingleton(run: LiveRun): void {
    if (run.singleton === undefined) return;
    const earlier = this.#singletons.get(run.singleton.key);
    if (earlier?.isLive === true) {
      if (run.singleton.mode === 'cancel') this.#end(earlier);
      else this.violations.add(`run ${run.runId} is a second one of singleton ${run.singleton.key}`);
    }
    this.#singletons.set(run.singleton.key, run);
  }

  /** Being turned away must have its reason. */
  #noteTurnedAway(asked: NewRun, result: Exclude<OperationResult<'schedule'>, { kind: 'created' }>): void {
    const why = result.kind === 'skipped' ? result.reason : result.kind;
    this.turnedAway.set(why, (this.turnedAway.get(why) ?? 0) + 1);
    if (this.#isRightlyTurnedAway(asked, why)) return;
    this.violations.add(`a run of ${asked.fn.limits.functionId} was turned away as ${why} for nothing`);
  }

  #isRightlyTurnedAway({ fn, singleton, rateLimit }: NewRun, why: string): boolean {
    if (why === 'FunctionPaused') return fn.isPaused;
    if (why === 'Singleton') return this.#singletons.get(singleton?.key ?? '')?.isLive === true;
    if (why !== 'rate-limited' || rateLimit === undefined) return false;
    const { bucket, limit, periodMs } = rateLimit;
    return !this.rateLimits.hasToken(bucket, { capacity: limit, limit, periodMs }, this.store.now);
  }

  /** A job of the run is ready at that instant. */
  readyAt(run: LiveRun, at: number): void {
    if (at <= this.store.now) this.ready.add(run, this.time.now);
    else this.time.at(at, () => run.isLive && this.ready.add(run, at));
  }

  #end(run: LiveRun): void {
    run.isLive = false;
    this.capacity.end(run);
    this.ready.drop(run);
    this.live.delete(run.runId);
    this.runsEnded += 1;
  }

  // ------------------------------------------------------------------------------------------------------------ jobs

  claim(workerId: string, jobsMax: number): { jobs: HeldJob[]; nextWakeAt?: number } {
    const claimId = this.unique('claim');
    const { jobs, nextWakeAt } = this.store.run('claim', { workerId, claimId, jobsMax, leaseMs: this.leaseMs });
    const held = jobs.map((job) => this.#granted(job, { isChained: false }));
    return nextWakeAt === undefined ? { jobs: held } : { jobs: held, nextWakeAt };
  }

  #granted(job: JobView, { isChained }: { isChained: boolean }): HeldJob {
    const { jobId, token, leaseUntil, target } = job;
    const run = this.live.get(job.run.runId);
    if (run === undefined) throw new Error(`a job of run ${job.run.runId} was granted, which does not live`);
    const now = this.store.now;
    this.#noteLost(jobId, now);
    this.capacity.grant(run, { jobId, leaseUntil, now });
    if (!isChained) this.#noteWait(run);
    if (!run.hasStarted) this.#noteStart(run, now);
    this.#noteServed(run);
    return { run, jobId, token, target, isCommitted: false };
  }

  #noteWait(run: LiveRun): void {
    const waited = this.time.now - this.ready.take(run, this.store.now);
    this.waits.add(run.hasStarted ? `${run.group}, going on` : run.group, waited);
  }

  #noteStart(run: LiveRun, now: number): void {
    run.hasStarted = true;
    this.capacity.start(run, now);
    const { throttle } = run.fn.limits;
    if (throttle && run.keys?.throttle !== undefined) {
      this.throttles.take(run.keys.throttle, { ...throttle, capacity: throttle.limit + throttle.burst }, now);
    }
    this.#outboxFilled();
  }

  #noteServed(run: LiveRun): void {
    this.jobs += 1;
    this.servedTenants.set(run.tenant, (this.servedTenants.get(run.tenant) ?? 0) + 1);
    const { functionId } = run.fn.limits;
    this.servedFunctions.set(functionId, (this.servedFunctions.get(functionId) ?? 0) + 1);
  }

  /** A lease has ended unless it was extended: its holder counts no more, and its job waits again. */
  #noteLost(jobId: string, now: number): void {
    const leaseEnd = this.capacity.leaseEndOf(jobId);
    const run = this.#heldBy(jobId);
    if (leaseEnd === undefined || leaseEnd > now || run === undefined) return;
    this.capacity.release(jobId);
    this.ready.add(run, this.time.now);
  }

  #heldBy(jobId: string): LiveRun | undefined {
    return this.live.get(jobId.slice(0, jobId.indexOf('.')));
  }

  /** Nobody will extend the lease of this job. */
  abandon(job: HeldJob): void {
    if (job.isCommitted) return;
    const leaseEnd = this.capacity.leaseEndOf(job.jobId);
    if (leaseEnd !== undefined) this.time.at(leaseEnd, () => this.#noteLost(job.jobId, this.store.now));
  }

  extend({ run, jobId, token, isCommitted }: HeldJob): void {
    if (isCommitted) return;
    const result = this.store.run('extend', { jobId, token, leaseMs: this.leaseMs });
    if (result !== 'extended') return;
    const leaseUntil = this.store.now + this.leaseMs;
    if (run.held.has(jobId)) {
      this.capacity.extend(jobId, leaseUntil);
    } else {
      this.ready.take(run, this.store.now);
      this.capacity.regain(run, jobId, leaseUntil);
    }
  }

  /** Commits that the application answered, or failed. */
  commit(job: HeldJob, isFailure: boolean): { next?: HeldJob; hasReady: boolean } {
    job.isCommitted = true;
    if (isFailure) return this.#retry(job, this.store.now + Math.ceil(this.random.between(10, 2000)), 'failure');
    const step = job.run.steps[job.run.done];
    return job.target === 'step' && step === undefined ? this.#complete(job) : this.#advance(job);
  }

  giveBack(job: HeldJob): void {
    if (job.isCommitted) return;
    this.#retry(job, this.store.now, 'drain');
    this.hint();
  }

  #retry(job: HeldJob, notBefore: number, reason: 'failure' | 'drain'): { hasReady: boolean } {
    const lease = { jobId: job.jobId, token: job.token };
    if (this.store.run('retry', { lease, notBefore, reason }) === 'retried') {
      this.#release(job);
      this.readyAt(job.run, notBefore);
    }
    return { hasReady: true };
  }

  #complete(job: HeldJob): { hasReady: boolean } {
    const lease = { jobId: job.jobId, token: job.token };
    const { runId } = job.run;
    const result = this.store.run('finalize', { runId, lease, status: 'Completed', output: '{}', outputBytes: 2 });
    if (result === 'finalized') this.#end(job.run);
    this.#outboxFilled();
    return { hasReady: true };
  }

  #advance(job: HeldJob): { next?: HeldJob; hasReady: boolean } {
    const { run } = job;
    const answer = this.#answerOf(job);
    const token = this.unique('chain');
    const result = this.store.run('advance', {
      runId: run.runId,
      lease: { jobId: job.jobId, token: job.token },
      requestVersion: 2,
      isParallel: answer.plans.length > 1,
      discover: false,
      attemptsMax: ATTEMPTS_MAX,
      limits: { stepsMax: 1000, stateBytesMax: 1_000_000 },
      chain: { token, leaseMs: this.leaseMs, knownStack: run.saved + answer.saves.length },
      saves: answer.saves,
      plans: answer.plans,
    });
    if (result.kind !== 'advanced') return { hasReady: false };
    this.#release(job);
    const readyJobs = this.#progress(job, answer);
    const next = result.next === undefined ? undefined : this.#granted(result.next, { isChained: true });
    for (let i = next === undefined ? 0 : 1; i < readyJobs; i++) this.ready.add(run, this.time.now);
    return next === undefined ? { hasReady: result.hasReady } : { hasReady: result.hasReady, next };
  }

  #answerOf({ run, target }: HeldJob): Pick<OperationArgs<'advance'>, 'saves' | 'plans'> {
    if (target !== 'step') return { saves: [saveOf(target)], plans: [] };
    const step = run.steps[run.done];
    const hash = `s${run.done}`;
    switch (step?.kind) {
      case 'sleep': {
        const wakeAt = this.store.now + Math.max(1, Math.ceil(step.sleepMs));
        return { saves: [], plans: [{ kind: 'sleep', hash, isRace: false, wakeAt }] };
      }
      case 'parallel': {
        const plan = (_: unknown, i: number) => ({
          kind: 'run' as const,
          hash: `${hash}p${i}`,
          isRace: false,
          attemptsMax: 4,
        });
        return { saves: [], plans: Array.from({ length: step.width }, plan) };
      }
      case 'call':
      case undefined:
        return { saves: [saveOf(hash)], plans: [] };
    }
  }

  /** What the answer has done for the run. Answers how many of its jobs are ready now. */
  #progress({ run, target }: HeldJob, { plans }: Pick<OperationArgs<'advance'>, 'plans'>): number {
    const [first] = plans;
    if (first?.kind === 'run') {
      run.open = new Set(plans.map(({ hash }) => hash));
      return plans.length;
    }
    run.saved += 1;
    if (target !== 'step') {
      run.open.delete(target);
      if (run.open.size > 0) return 0;
    }
    run.done += 1;
    if (first?.wakeAt === undefined) return 1;
    this.readyAt(run, first.wakeAt);
    return 0;
  }

  /** The holder leaves; of one that was thought lost the job was among those that wait. */
  #release({ run, jobId }: HeldJob): void {
    if (!this.capacity.release(jobId)) this.ready.take(run, this.store.now);
  }

  // ----------------------------------------------------------------------------------------------------------- hints

  /** Tells all executors that jobs may be ready. Hints that are on their way tell it as well. */
  hint(): void {
    if (this.#isHintUnderway || this.random.chance(this.#hintsLost)) return;
    this.#isHintUnderway = true;
    this.time.after(HINT_MS, () => {
      this.#isHintUnderway = false;
      for (const executor of this.executors) executor.nudge();
    });
  }

  get isHintUnderway(): boolean {
    return this.#isHintUnderway;
  }

  #outboxFilled(): void {
    if (this.#isOutboxDue) return;
    this.#isOutboxDue = true;
    this.time.after(OUTBOX_MS, () => {
      this.#isOutboxDue = false;
      this.drainOutbox();
    });
  }

  drainOutbox(): void {
    for (;;) {
      const entries = this.store.run('readOutbox', { entriesMax: OUTBOX_PAGE });
      const last = entries.at(-1);
      if (last === undefined) return;
      while (this.store.run('ackOutbox', { seq: last.seq, at: Number(last.entry['at']) }));
      if (entries.length < OUTBOX_PAGE) return;
    }
  }

  #collectGarbage(): void {
    while (this.store.run('collectGarbage', { keysMax: GARBAGE_PAGE }) > 0);
    this.time.after(GARBAGE_MS, () => this.#collectGarbage());
  }

  /** Forgets what was measured so far. */
  measureAnew(): void {
    this.waits.reset();
    this.servedTenants.clear();
    this.servedFunctions.clear();
    this.store.resetCosts();
    this.jobs = 0;
  }
}

function saveOf(hash: string): OperationArgs<'advance'>['saves'][number] {
  return { hash, memo: 'null', memoBytes: 4, isRace: false };
}
