import { testClock, type TestClock } from '@perdure/testing';
import { expect, test as base } from 'vitest';
import type {
  AdvanceArgs,
  AdvanceResult,
  ClaimedJob,
  ClaimResult,
  FunctionLimits,
  OutboxEntry,
  PauseSpec,
  ReconcileResult,
  ScheduleArgs,
  ScheduleResult,
  StepPlan,
  StepSave,
  Store,
} from '../store.ts';

export const LEASE_MS = 30_000;
export const DAY_MS = 86_400_000;
export const ACCOUNT = 'account-1';
export const ENV = 'env-1';
const LIMITS = { stepsMax: 1000, stateBytesMax: 1024 * 1024 };

/** Pages through everything. Answers what was put right. */
export async function reconcileAll(store: Store, runsMax = 100): Promise<Omit<ReconcileResult, 'cursor'>> {
  const total = { runs: 0, redriven: [] as string[], holders: 0, lanes: 0 };
  let cursor: string | undefined;
  do {
    const page = await store.reconcile({ runsMax, ...(cursor !== undefined && { cursor }) });
    total.runs += page.runs;
    total.redriven.push(...page.redriven);
    total.holders += page.holders;
    total.lanes += page.lanes;
    cursor = page.cursor;
  } while (cursor !== undefined);
  return total;
}

/** Every problem that a look at everything finds, a page at a time. */
export async function auditAll(store: Store, entriesMax = 100): Promise<string[]> {
  const found = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await store.audit({ entriesMax, ...(cursor !== undefined && { cursor }) });
    for (const problem of page.problems) found.add(problem);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return [...found];
}

/** Collects until nothing is dropped any more. */
export async function collectAll(store: Store): Promise<void> {
  while ((await store.collectGarbage(50)) > 0);
}

/** Opens an empty store of its own on this clock. */
export type OpenStore = (options: { clock: TestClock }) => Promise<Store>;

type Lease = { jobId: string; token: string };

/** Plays the parts of runner and executor against a store, with sensible defaults for what a test does not care about. */
export class Player {
  readonly store: Store;
  readonly clock: TestClock;
  #serial = 0;

  constructor(store: Store, clock: TestClock) {
    this.store = store;
    this.clock = clock;
  }

  unique(prefix: string): string {
    this.#serial += 1;
    return `${prefix}${String(this.#serial).padStart(6, '0')}`;
  }

  // ---------------------------------------------------------------------------------------------------------- runs

  aRun(overrides: Partial<ScheduleArgs> = {}): ScheduleArgs {
    const runId = overrides.runId ?? this.unique('run');
    return {
      runId,
      functionId: 'fn-1',
      accountId: ACCOUNT,
      envId: ENV,
      appId: 'app-1',
      functionVersion: 1,
      dedupKey: `event-of-${runId}`,
      notBefore: this.clock.now(),
      priority: 0,
      keys: {},
      attemptsMax: 4,
      events: '[{"name":"a/b"}]',
      meta: '{"slug":"app-fn"}',
      publishesEnd: true,
      ...overrides,
    };
  }

  schedule(overrides: Partial<ScheduleArgs> = {}): Promise<ScheduleResult> {
    return this.store.schedule(this.aRun(overrides));
  }

  /** Schedules a run that must be created. */
  async create(overrides: Partial<ScheduleArgs> = {}): Promise<string> {
    const result = await this.schedule(overrides);
    expect(result.kind).toBe('created');
    return (result as { runId: string }).runId;
  }

  /** Schedules a run and claims its start. */
  async start(overrides: Partial<ScheduleArgs> = {}): Promise<ClaimedJob> {
    const runId = await this.create(overrides);
    const job = (await this.claim(1))[0];
    expect(job?.run.runId).toBe(runId);
    return job!;
  }

  // ---------------------------------------------------------------------------------------------------------- jobs

  async claim(jobsMax = 100, workerId = 'worker-1'): Promise<ClaimedJob[]> {
    return (await this.claimAll(jobsMax, workerId)).jobs;
  }

  claimAll(jobsMax = 100, workerId = 'worker-1'): Promise<ClaimResult> {
    return this.store.claim({ workerId, claimId: this.unique('claim'), jobsMax, leaseMs: LEASE_MS });
  }

  /** Claims the one job that must be there. */
  async claimOne(): Promise<ClaimedJob> {
    const jobs = await this.claim();
    expect(jobs.map((job) => job.jobId)).toHaveLength(1);
    return jobs[0]!;
  }

  /** Claims until nothing more is granted; a single claim looks at a bounded number of lanes. */
  async claimRunIds(jobsMax = 100): Promise<string[]> {
    return (await this.claim(jobsMax)).map((job) => job.run.runId);
  }

  advance(job: ClaimedJob, answer: Partial<AdvanceArgs> = {}): Promise<AdvanceResult> {
    return this.store.advance(this.anAdvance(job, answer));
  }

  anAdvance(job: ClaimedJob, answer: Partial<AdvanceArgs> = {}): AdvanceArgs {
    return {
      runId: job.run.runId,
      lease: lease(job),
      saves: [],
      plans: [],
      requestVersion: 2,
      isParallel: (answer.saves?.length ?? 0) + (answer.plans?.length ?? 0) > 1,
      discover: false,
      attemptsMax: 4,
      limits: LIMITS,
      ...answer,
    };
  }

  /** Commits one step of a discovery or targeted call. */
  async saveStep(job: ClaimedJob, hash: string, answer: Partial<AdvanceArgs> = {}): Promise<AdvanceResult> {
    const result = await this.advance(job, { saves: [save(hash)], ...answer });
    expect(result.kind).toBe('advanced');
    return result;
  }

  /** Commits a planned answer, which must be accepted. */
  async plan(job: ClaimedJob, plans: StepPlan[], answer: Partial<AdvanceArgs> = {}): Promise<void> {
    expect((await this.advance(job, { plans, ...answer })).kind).toBe('advanced');
  }

  async complete(job: ClaimedJob, output = 'null'): Promise<void> {
    const { runId } = job.run;
    expect(await this.store.finalize({ runId, lease: lease(job), status: 'Completed', output })).toBe('finalized');
  }

  /** Runs one call of a run to its end. */
  async startAndComplete(overrides: Partial<ScheduleArgs> = {}): Promise<string> {
    const job = await this.start(overrides);
    await this.complete(job);
    return job.run.runId;
  }

  // ------------------------------------------------------------------------------------------------ functions, outbox

  setFunction(overrides: Partial<FunctionLimits> = {}): Promise<void> {
    return this.store.setFunction({
      functionId: 'fn-1',
      accountId: ACCOUNT,
      version: 1,
      weight: 1,
      concurrency: 1000,
      keyed: [],
      ...overrides,
    });
  }

  /** Takes everything out of the outbox. */
  async drainOutbox(): Promise<OutboxEntry[]> {
    const entries = await this.store.readOutbox(1000);
    const last = entries.at(-1);
    if (last) await this.store.ackOutbox(last);
    return entries;
  }

  async outboxKinds(): Promise<string[]> {
    return (await this.drainOutbox()).map((entry) => entry.kind);
  }

  async endOf(runId: string): Promise<OutboxEntry | undefined> {
    const entries = await this.store.readOutbox(1000);
    return entries.find((entry) => entry.kind === 'run-ended' && entry.run.runId === runId);
  }

  /** Calls the operation twice and shows that the second changed nothing and answered as the first. */
  async twice<Result>(operation: () => Promise<Result>): Promise<Result> {
    const first = await operation();
    const stored = await this.store.dump();
    const second = await operation();
    expect(second).toEqual(first);
    expect(await this.store.dump()).toEqual(stored);
    return first;
  }

  /** Shows that the operation leaves no trace. */
  async withoutTrace<Result>(operation: () => Promise<Result>): Promise<Result> {
    const stored = await this.store.dump();
    const result = await operation();
    expect(await this.store.dump()).toEqual(stored);
    return result;
  }
}

export function lease(job: Lease): Lease {
  return { jobId: job.jobId, token: job.token };
}

export function save(hash: string, memo = `{"data":"${hash}"}`, isRace = false): StepSave {
  return { hash, memo, isRace };
}

export function run(hash: string, isRace = false): StepPlan {
  return { kind: 'run', hash, isRace, attemptsMax: 4 };
}

export function sleep(hash: string, wakeAt: number, isRace = false): StepPlan {
  return { kind: 'sleep', hash, isRace, wakeAt };
}

export function wait(hash: string, pause: Partial<PauseSpec> & { expiresAt: number }): StepPlan {
  return {
    kind: 'wait',
    hash,
    isRace: false,
    pause: { pauseId: `pause-${hash}`, kind: 'wait', event: 'a/resume', timeoutMemo: 'null', ...pause },
  };
}

export function signal(
  hash: string,
  name: string,
  conflict: 'fail' | 'replace',
  pause: { pauseId: string; expiresAt: number },
): StepPlan {
  return {
    kind: 'signal',
    hash,
    isRace: false,
    conflict,
    pause: { ...pause, kind: 'signal', correlationId: name, timeoutMemo: 'null' },
  };
}

/**
 * A test with a store of its own, `play`. Afterwards every invariant holds: a test that shows something else shows this
 * as well.
 */
export function storeTest(open: OpenStore) {
  return base.extend<{ play: Player }>({
    // oxlint-disable-next-line no-empty-pattern -- vitest finds out what a fixture needs from its pattern
    play: async ({}, use) => {
      const clock = testClock();
      const store = await open({ clock });
      await use(new Player(store, clock));
      expect(await store.checkInvariants()).toEqual([]);
      await store.close();
    },
  });
}
