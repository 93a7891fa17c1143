import { IDEMPOTENCY_MS } from '@perdure/domain';
import fc from 'fast-check';

import type { AdvanceArgs, BufferSpec, ClaimArgs, PauseSpec, ScheduleArgs, StepPlan, Store } from '../../store.ts';

/**
 * Random use of a store, for tests that play the same on two of them. Pools of names are small, so that actions meet:
 * runs share keys, leases are lost, calls are repeated after others came in between.
 */
export type StoreAction =
  | { kind: 'schedule'; draft: ScheduleDraft }
  | { kind: 'schedule-again'; pick: number }
  | { kind: 'claim'; worker: number; jobsMax: number; leaseMs: number }
  | { kind: 'claim-again'; pick: number }
  | { kind: 'extend'; pick: number; leaseMs: number }
  | { kind: 'defer'; pick: number; changes: { hash: string; body: string }[] }
  | { kind: 'advance'; pick: number; draft: AdvanceDraft }
  | { kind: 'advance-again'; pick: number }
  | { kind: 'checkpoint'; pick: number; steps: number[] }
  | { kind: 'retry'; pick: number; delayMs: number; reason: 'failure' | 'infrastructure' | 'drain' }
  | { kind: 'finalize'; pick: number; hasLease: boolean; status: 'Completed' | 'Failed' | 'Cancelled' }
  | { kind: 'consume-pause'; pick: number }
  | { kind: 'resume'; isInvoke: boolean; name: number }
  | { kind: 'find-pauses'; event: number; anchor: number; pausesMax: number }
  | { kind: 'set-function'; draft: FunctionDraft }
  | { kind: 'rekey'; pick: number; keyed: number[]; runsMax: number; isLate: boolean }
  | { kind: 'set-function-state'; fn: number; state: 'active' | 'paused' | 'drained' }
  | { kind: 'set-account-concurrency'; account: number; limit: number }
  | { kind: 'ack-outbox'; entriesMax: number }
  | { kind: 'collect-garbage'; keysMax: number }
  | { kind: 'expire-leases' }
  | { kind: 'reconcile'; runsMax: number }
  | { kind: 'duty'; holder: number; isDropped: boolean; leaseMs: number }
  | { kind: 'reserve-signal'; name: number; pick: number; instead: number; ms: number }
  | { kind: 'release-signal'; name: number; pick: number }
  | { kind: 'inspect'; pick: number }
  | { kind: 'pass-time'; ms: number };

interface ScheduleDraft {
  fn: number;
  dedup: number;
  idempotency: number;
  isRateLimited: boolean;
  singleton: 'none' | 'skip' | 'cancel';
  delayMs: number;
  priority: number;
  keyed: number[];
  runKey: number;
  expressions: number;
  isThrottled: boolean;
  cancelOn: number;
  startTimeoutMs: number;
  correlation: number;
  buffer: 'none' | 'debounce' | 'batch';
}

interface AdvanceDraft {
  saves: number[];
  plans: { kind: StepPlan['kind']; step: number; name: number; ms: number; isRace: boolean }[];
  requestVersion: number;
  isParallel: boolean;
  discover: boolean;
  isChained: boolean;
}

interface FunctionDraft {
  fn: number;
  version: number;
  weight: number;
  revision: number;
  expressions: number;
  concurrency: number;
  keyed: number[];
  run: number;
  isThrottled: boolean;
  backlogMax: number;
}

const small = fc.nat({ max: 3 });
const pick = fc.nat({ max: 1000 });
const milliseconds = fc.constantFrom(0, 1, 500, 1_000, 5_000, 30_000, 60_000);

export function aStoreAction(): fc.Arbitrary<StoreAction> {
  const action = <Kind extends StoreAction['kind']>(
    kind: Kind,
    rest: { [Key in Exclude<keyof Extract<StoreAction, { kind: Kind }>, 'kind'>]: fc.Arbitrary<unknown> },
  ) => fc.record({ kind: fc.constant(kind), ...rest }) as unknown as fc.Arbitrary<StoreAction>;
  return fc.oneof(
    { weight: 8, arbitrary: action('schedule', { draft: aScheduleDraft() }) },
    { weight: 1, arbitrary: action('schedule-again', { pick }) },
    {
      weight: 8,
      arbitrary: action('claim', {
        worker: fc.nat({ max: 1 }),
        jobsMax: fc.integer({ min: 1, max: 10 }),
        leaseMs: fc.constantFrom(5_000, 30_000),
      }),
    },
    { weight: 1, arbitrary: action('claim-again', { pick }) },
    { weight: 1, arbitrary: action('extend', { pick, leaseMs: milliseconds }) },
    { weight: 2, arbitrary: action('defer', { pick, changes: fc.array(aDeferChange(), { maxLength: 4 }) }) },
    { weight: 12, arbitrary: action('advance', { pick, draft: anAdvanceDraft() }) },
    { weight: 1, arbitrary: action('advance-again', { pick }) },
    { weight: 2, arbitrary: action('checkpoint', { pick, steps: fc.array(small, { maxLength: 3 }) }) },
    {
      weight: 3,
      arbitrary: action('retry', {
        pick,
        delayMs: milliseconds,
        reason: fc.constantFrom('failure', 'infrastructure', 'drain'),
      }),
    },
    {
      weight: 3,
      arbitrary: action('finalize', {
        pick,
        hasLease: fc.boolean(),
        status: fc.constantFrom('Completed', 'Failed', 'Cancelled'),
      }),
    },
    { weight: 3, arbitrary: action('consume-pause', { pick }) },
    { weight: 1, arbitrary: action('resume', { isInvoke: fc.boolean(), name: small }) },
    { weight: 1, arbitrary: action('find-pauses', { event: small, anchor: small, pausesMax: fc.nat({ max: 4 }) }) },
    { weight: 2, arbitrary: action('set-function', { draft: aFunctionDraft() }) },
    {
      weight: 3,
      arbitrary: action('rekey', {
        pick,
        keyed: fc.array(small, { maxLength: 2 }),
        runsMax: fc.constantFrom(1, 3, 100),
        isLate: mostlyNot,
      }),
    },
    {
      weight: 1,
      arbitrary: action('set-function-state', {
        fn: small,
        state: fc.constantFrom('active', 'active', 'paused', 'drained'),
      }),
    },
    {
      weight: 1,
      arbitrary: action('set-account-concurrency', { account: fc.nat({ max: 1 }), limit: fc.nat({ max: 5 }) }),
    },
    { weight: 1, arbitrary: action('ack-outbox', { entriesMax: fc.nat({ max: 20 }) }) },
    { weight: 1, arbitrary: action('collect-garbage', { keysMax: fc.nat({ max: 10 }) }) },
    { weight: 1, arbitrary: action('expire-leases', {}) },
    { weight: 2, arbitrary: action('reconcile', { runsMax: fc.constantFrom(1, 3, 100) }) },
    { weight: 1, arbitrary: action('duty', { holder: small, isDropped: mostlyNot, leaseMs: milliseconds }) },
    { weight: 1, arbitrary: action('reserve-signal', { name: small, pick, instead: pick, ms: milliseconds }) },
    { weight: 1, arbitrary: action('release-signal', { name: small, pick }) },
    { weight: 2, arbitrary: action('inspect', { pick }) },
    { weight: 5, arbitrary: action('pass-time', { ms: fc.oneof(milliseconds, fc.constantFrom(700_000, 90_000_000)) }) },
  );
}

function aScheduleDraft(): fc.Arbitrary<ScheduleDraft> {
  return fc.record({
    fn: small,
    dedup: fc.nat({ max: 40 }),
    idempotency: fc.nat({ max: 12 }),
    isRateLimited: mostlyNot,
    singleton: fc.constantFrom('none', 'none', 'none', 'skip', 'cancel'),
    delayMs: fc.constantFrom(0, 0, 0, 1_000),
    priority: fc.constantFrom(0, 0, 100, -100),
    keyed: fc.array(small, { maxLength: 2 }),
    runKey: small,
    expressions: fc.nat({ max: 2 }),
    isThrottled: fc.boolean(),
    cancelOn: small,
    startTimeoutMs: fc.constantFrom(0, 0, 10_000),
    correlation: small,
    buffer: fc.constantFrom('none', 'none', 'debounce', 'batch'),
  });
}

/** An empty body calls off. */
function aDeferChange(): fc.Arbitrary<{ hash: string; body: string }> {
  return fc.record({ hash: fc.constantFrom('d1', 'd2', 'd3', 'd4'), body: fc.constantFrom('', 'é', '{"a":1}') });
}

function anAdvanceDraft(): fc.Arbitrary<AdvanceDraft> {
  return fc.record({
    saves: fc.array(small, { maxLength: 2 }),
    plans: fc.uniqueArray(
      fc.record({
        kind: fc.constantFrom('run', 'run', 'sleep', 'wait', 'invoke', 'signal'),
        step: fc.nat({ max: 6 }),
        name: small,
        ms: fc.constantFrom(0, 500, 60_000),
        isRace: mostlyNot,
      }),
      { maxLength: 4, selector: (plan) => plan.step },
    ),
    requestVersion: fc.constantFrom(0, 1, 2),
    isParallel: fc.boolean(),
    discover: fc.boolean(),
    isChained: fc.boolean(),
  }) as fc.Arbitrary<AdvanceDraft>;
}

function aFunctionDraft(): fc.Arbitrary<FunctionDraft> {
  return fc.record({
    fn: small,
    version: fc.nat({ max: 20 }),
    revision: fc.nat({ max: 1 }),
    expressions: fc.nat({ max: 2 }),
    weight: fc.constantFrom(1, 1, 2, 0.5),
    concurrency: fc.constantFrom(0, 1, 2, 1000),
    keyed: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }),
    run: small,
    isThrottled: fc.boolean(),
    backlogMax: fc.constantFrom(0, 5),
  });
}

const mostlyNot = fc.constantFrom(false, false, false, false, true);

/** Turns actions into calls; what earlier calls answered (leases, pauses) is what later ones are about. */
export class ActionPlayer {
  readonly #store: Store;
  readonly #clock: { now(): number; advanceBy(ms: number): Promise<void> };
  readonly #schedules: ScheduleArgs[] = [];
  readonly #claims: ClaimArgs[] = [];
  readonly #leases: { runId: string; lease: { jobId: string; token: string } }[] = [];
  readonly #advances: AdvanceArgs[] = [];
  readonly #pauseIds: string[] = [];
  #serial = 0;

  constructor(store: Store, clock: { now(): number; advanceBy(ms: number): Promise<void> }) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Registration comes before use: a function's limits are stored before its runs are scheduled. */
  async registerFunctions(): Promise<void> {
    for (const fn of [0, 1, 2, 3]) {
      await this.#store.setFunction(toLimits({ ...UNLIMITED, fn }));
    }
  }

  /** Answers what the store did, in a form that can be compared. */
  async play(action: StoreAction): Promise<unknown> {
    const store = this.#store;
    this.#serial += 1;
    switch (action.kind) {
      case 'schedule':
        return this.#schedule(this.#toSchedule(action.draft));
      case 'schedule-again':
        return ifAny(pickOf(this.#schedules, action.pick), (args) => store.schedule(args));
      case 'claim':
        return this.#claim({
          workerId: `worker-${action.worker}`,
          claimId: `claim-${this.#serial}`,
          jobsMax: action.jobsMax,
          leaseMs: action.leaseMs,
        });
      case 'claim-again':
        return ifAny(pickOf(this.#claims, action.pick), (args) => store.claim(args));
      case 'extend':
        return ifAny(pickOf(this.#leases, action.pick), ({ lease }) => store.extend(lease, action.leaseMs));
      case 'defer':
        return ifAny(pickOf(this.#leases, action.pick), ({ runId, lease }) =>
          store.defer({ runId, lease, changes: action.changes, limits: { runsMax: 3, bytesMax: 12 } }),
        );
      case 'advance':
        return ifAny(pickOf(this.#leases, action.pick), (held) => this.#advance(this.#toAdvance(held, action.draft)));
      case 'advance-again':
        return ifAny(pickOf(this.#advances, action.pick), (args) => store.advance(args));
      case 'checkpoint':
        return ifAny(pickOf(this.#leases, action.pick), ({ runId, lease }) =>
          store.checkpoint({ runId, lease, saves: action.steps.map(aSave), leaseMs: 10_000, limits: LIMITS }),
        );
      case 'retry':
        return ifAny(pickOf(this.#leases, action.pick), ({ lease }) =>
          store.retry({ lease, notBefore: this.#clock.now() + action.delayMs, reason: action.reason }),
        );
      case 'finalize':
        return ifAny(pickOf(this.#leases, action.pick), ({ runId, lease }) =>
          store.finalize({ runId, status: action.status, output: '"é"', ...(action.hasLease ? { lease } : {}) }),
        );
      case 'consume-pause':
        return ifAny(pickOf(this.#pauseIds, action.pick), (pauseId) =>
          store.consumePause({ pauseId, memo: '{"data":1}', reason: 'event:1' }),
        );
      case 'resume':
        return store.resume({
          envId: 'env',
          kind: action.isInvoke ? 'invoke' : 'signal',
          correlationId: `name ${action.name}`,
          memo: '{"data":"😀"}',
        });
      case 'find-pauses':
        return this.#findPauses(action.event, action.anchor, action.pausesMax);
      case 'set-function':
        return store.setFunction(toLimits(action.draft));
      case 'rekey':
        return this.#rekey(action);
      case 'set-function-state':
        return store.setFunctionState(`fn-${action.fn}`, action.state);
      case 'set-account-concurrency':
        return store.setAccountConcurrency(`account-${action.account}`, action.limit);
      case 'ack-outbox':
        return this.#ackOutbox(action.entriesMax);
      case 'collect-garbage':
        return store.collectGarbage(action.keysMax);
      case 'expire-leases':
        return store.expireLeases();
      case 'reconcile':
        return this.#reconcile(action.runsMax);
      case 'duty':
        return this.#takeDuty(action);
      case 'reserve-signal':
        return this.#reserveSignal(action);
      case 'release-signal':
        return ifAny(pickOf(this.#pauseIds, action.pick), (pauseId) =>
          store.releaseSignal({ envId: 'env', signal: `name ${action.name}`, pauseId }),
        );
      case 'inspect':
        return this.#inspect(action.pick);
      case 'pass-time':
        // A repeat is recognised as long as the dedup key is remembered; later it would be a new run with an old ID.
        if (action.ms > IDEMPOTENCY_MS) this.#schedules.length = 0;
        return this.#clock.advanceBy(action.ms);
      default:
        return action satisfies never;
    }
  }

  #schedule(args: ScheduleArgs): Promise<unknown> {
    this.#schedules.push(args);
    for (const pause of args.cancelOn ?? []) this.#pauseIds.push(pause.pauseId);
    return this.#store.schedule(args);
  }

  async #claim(args: ClaimArgs): Promise<unknown> {
    this.#claims.push(args);
    const result = await this.#store.claim(args);
    for (const { run, jobId, token } of result.jobs) this.#leases.push({ runId: run.runId, lease: { jobId, token } });
    return result;
  }

  async #advance(args: AdvanceArgs): Promise<unknown> {
    this.#advances.push(args);
    for (const plan of args.plans) if ('pause' in plan) this.#pauseIds.push(plan.pause.pauseId);
    const result = await this.#store.advance(args);
    if (result.kind === 'advanced' && result.next !== undefined) {
      const { run, jobId, token } = result.next;
      this.#leases.push({ runId: run.runId, lease: { jobId, token } });
    }
    return result;
  }

  async #findPauses(event: number, anchor: number, pausesMax: number): Promise<unknown> {
    const name = `event/${event}`;
    const paths = await this.#store.findPausePaths('env', name);
    const pages: unknown[] = [];
    const first = { envId: 'env', event: name, anchors: [anAnchor(anchor)], pausesMax: pausesMax + 1 };
    let page = await this.#store.findPauses(first);
    pages.push(page);
    while (page.cursor !== undefined) {
      page = await this.#store.findPauses({ ...first, cursor: page.cursor });
      pages.push(page);
    }
    return { hasPauses: paths.hasPauses, paths: paths.paths.toSorted(), pages };
  }

  async #ackOutbox(entriesMax: number): Promise<unknown> {
    const entries = await this.#store.readOutbox(entriesMax);
    const last = entries.at(-1);
    if (last !== undefined) await this.#store.ackOutbox(last);
    return entries;
  }

  async #reconcile(runsMax: number): Promise<unknown> {
    const pages: unknown[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.#store.reconcile({ runsMax, ...(cursor === undefined ? {} : { cursor }) });
      pages.push(page);
      cursor = page.cursor;
    } while (cursor !== undefined);
    return pages;
  }

  /** A page of one of the functions that are to be keyed anew; late: of one that is not. */
  async #rekey(action: Extract<StoreAction, { kind: 'rekey' }>): Promise<unknown> {
    const rekeys = await this.#store.findRekeys();
    const rekey = pickOf(rekeys, action.pick);
    if (rekey === undefined) return 'nothing to pick';
    const { functionId, keysId, after: from } = rekey;
    const page = await this.#store.listRuns({ ...rekey, runsMax: action.runsMax, withEvents: false });
    const keyed = action.keyed.map((key) => `key|${key}`);
    const runs = page.runs.map(({ runId }, index) => ({
      runId,
      keys: index % 2 === 0 ? { keyed, run: 'runs 2' } : { keyed, throttle: `bucket ${index}` },
    }));
    const { after, isLast } = page;
    const args = { functionId, keysId: action.isLate ? 'gone' : keysId, from, after, isLast, runs };
    return { rekeys, page, result: await this.#store.rekey(args) };
  }

  #takeDuty({ holder, isDropped, leaseMs }: Extract<StoreAction, { kind: 'duty' }>): Promise<unknown> {
    const duty = { duty: 'upkeep' as const, holder: `holder ${holder}` };
    return isDropped ? this.#store.dropDuty(duty) : this.#store.takeDuty({ ...duty, leaseMs });
  }

  async #reserveSignal(action: Extract<StoreAction, { kind: 'reserve-signal' }>): Promise<unknown> {
    const pauseId = pickOf(this.#pauseIds, action.pick);
    const instead = pickOf(this.#pauseIds, action.instead);
    if (pauseId === undefined || instead === undefined) return 'nothing to pick';
    const signal = { envId: 'env', signal: `name ${action.name}` };
    const wanted = { ...signal, pauseId, hash: aHash(action.name), expiresAt: this.#clock.now() + action.ms, instead };
    return {
      reserved: await this.#store.reserveSignal(wanted),
      holder: await this.#store.findSignal(signal),
      wait: await this.#store.findWait({ pauseId, hash: aHash(action.name) }),
    };
  }

  async #inspect(index: number): Promise<unknown> {
    const runId = pickOf(this.#schedules, index)?.runId ?? 'run-none';
    return {
      counts: await this.#store.counts(),
      depths: await this.#store.queueDepths({ after: 0, lanesMax: 1 + (index % 5) }),
      run: await this.#store.findRun(runId),
      state: await this.#store.findRunState(runId),
      jobs: await this.#store.findRunJobs(runId),
      waits: await this.#store.explainRun(runId),
      audit: await this.#store.audit({ cursor: `${index % 8}.`, entriesMax: 1 + (index % 20) }),
    };
  }

  #toSchedule(draft: ScheduleDraft): ScheduleArgs {
    const runId = `run-${this.#serial}`;
    return {
      runId,
      functionId: `fn-${draft.fn}`,
      accountId: `account-${draft.fn % 2}`,
      envId: 'env',
      appId: 'app',
      functionVersion: 1,
      dedupKey: `event ${draft.dedup}`,
      notBefore: this.#clock.now() + draft.delayMs,
      priority: draft.priority,
      keys: {
        ...(draft.isThrottled ? { throttle: `bucket ${draft.fn}` } : {}),
        ...(draft.keyed.length > 0 ? { keyed: draft.keyed.map((key) => `key|${key}`) } : {}),
        ...(draft.runKey > 1 ? { run: `runs ${draft.runKey}` } : {}),
      },
      ...(draft.expressions > 0 ? { keysId: `expressions ${draft.expressions}` } : {}),
      attemptsMax: 4,
      events: `[{"name":"é","n":${this.#serial}}]`,
      meta: '{"a":"\u0000"}',
      publishesEnd: draft.dedup % 2 === 0,
      ...(draft.idempotency < 2 ? { idempotencyKey: `order ${draft.idempotency}` } : {}),
      ...(draft.isRateLimited ? { rateLimit: { bucket: 'rate', limit: 2, periodMs: 60_000 } } : {}),
      ...(draft.singleton === 'none' ? {} : { singleton: { key: 'only', mode: draft.singleton } }),
      ...(draft.cancelOn > 2 ? { cancelOn: [this.#aPause('cancel', runId, 0, draft.cancelOn, 60_000)] } : {}),
      ...(draft.startTimeoutMs > 0 ? { startTimeoutMs: draft.startTimeoutMs } : {}),
      ...(draft.correlation > 2 ? { correlationId: `run-1.hash-${draft.correlation}` } : {}),
      ...(draft.buffer === 'none' ? {} : { buffer: this.#aBuffer(draft.buffer, draft) }),
    };
  }

  #aBuffer(kind: BufferSpec['kind'], { correlation, priority, startTimeoutMs }: ScheduleDraft): BufferSpec {
    const key = `key|${correlation % 2}`;
    const timeoutMs = correlation > 1 ? 5_000 : 90_000;
    if (kind === 'batch') return { kind, key, eventsMax: 3, bytesMax: 60, timeoutMs };
    const eventAt = this.#clock.now() - priority;
    return { kind, key, periodMs: 4_000, eventAt, ...(startTimeoutMs > 0 ? { timeoutMs } : {}) };
  }

  #toAdvance(
    { runId, lease }: { runId: string; lease: { jobId: string; token: string } },
    draft: AdvanceDraft,
  ): AdvanceArgs {
    return {
      runId,
      lease,
      saves: draft.saves.map(aSave),
      plans: draft.plans.map((plan) => this.#toPlan(runId, plan)),
      isParallel: draft.isParallel,
      discover: draft.discover,
      attemptsMax: 4,
      limits: LIMITS,
      ...(draft.requestVersion > 0 ? { requestVersion: draft.requestVersion } : {}),
      ...(draft.isChained ? { chain: { token: `chained-${this.#serial}`, leaseMs: 10_000, knownStack: 0 } } : {}),
    };
  }

  #toPlan(runId: string, plan: AdvanceDraft['plans'][number]): StepPlan {
    const { kind, step, name, ms, isRace } = plan;
    const base = { hash: aHash(step), isRace };
    switch (kind) {
      case 'run':
        return { ...base, kind, attemptsMax: 3 };
      case 'sleep':
        return { ...base, kind, wakeAt: this.#clock.now() + ms };
      case 'wait':
        return { ...base, kind, pause: this.#aPause(kind, runId, step, name, ms) };
      case 'invoke': {
        const event = { eventId: `invoke-${this.#serial}-${step}`, body: '{"name":"é"}' };
        return { ...base, kind, pause: this.#aPause(kind, runId, step, name, ms), invokeEvent: event };
      }
      case 'signal': {
        const conflict = step % 2 === 0 ? 'fail' : 'replace';
        return { ...base, kind, pause: this.#aPause(kind, runId, step, name, ms), conflict };
      }
      default:
        return kind satisfies never;
    }
  }

  #aPause(kind: PauseSpec['kind'], runId: string, step: number, name: number, ms: number): PauseSpec {
    const isByEvent = kind === 'wait' || kind === 'cancel';
    return {
      pauseId: `${runId}.pause-${kind}-${step}`,
      kind,
      expiresAt: this.#clock.now() + ms,
      ...(isByEvent ? { event: `event/${name}` } : { correlationId: `name ${name}` }),
      ...(isByEvent && step % 2 === 0 ? { expression: 'true', anchors: [anAnchor(name), anAnchor(name + 1)] } : {}),
      ...(kind === 'cancel' ? {} : { timeoutMemo: kind === 'invoke' ? '{"error":{}}' : 'null' }),
    };
  }
}

const UNLIMITED: Omit<FunctionDraft, 'fn'> = {
  version: 0,
  revision: 0,
  expressions: 0,
  weight: 1,
  concurrency: 1000,
  keyed: [],
  run: 0,
  isThrottled: false,
  backlogMax: 0,
};

/** Small enough to be reached now and then. */
const LIMITS = { stepsMax: 6, stateBytesMax: 150 };

function aHash(step: number): string {
  return `hash-${step}`;
}

function aSave(step: number): { hash: string; memo: string; isRace: boolean } {
  return { hash: aHash(step), memo: `{"data":"${'é€😀'.repeat(step * 3)}"}`, isRace: step === 3 };
}

function anAnchor(value: number): { path: string; valueHash: string } {
  return { path: `data.p${value % 2}`, valueHash: `hash of ${value}` };
}

function toLimits(draft: FunctionDraft): Parameters<Store['setFunction']>[0] {
  return {
    functionId: `fn-${draft.fn}`,
    accountId: `account-${draft.fn % 2}`,
    version: draft.version,
    ...(draft.revision > 0 ? { revision: draft.revision } : {}),
    ...(draft.expressions > 0 ? { keysId: `expressions ${draft.expressions}` } : {}),
    weight: draft.weight,
    concurrency: draft.concurrency,
    keyed: draft.keyed,
    ...(draft.run > 0 ? { run: draft.run } : {}),
    ...(draft.isThrottled ? { throttle: { limit: 2, burst: 1, periodMs: 7_000 } } : {}),
    ...(draft.backlogMax > 0 ? { backlogMax: draft.backlogMax } : {}),
    ...(draft.run > 1 ? { finishTimeoutMs: 45_000, startTimeoutMs: 20_000 } : {}),
  };
}

/** Prefers what came last: older leases are mostly lost. */
function pickOf<Item>(items: Item[], index: number): Item | undefined {
  return items.at(-1 - (index % 4 === 0 ? index % Math.max(1, items.length) : index % Math.min(6, items.length || 1)));
}

function ifAny<Item>(item: Item | undefined, call: (item: Item) => Promise<unknown>): Promise<unknown> | string {
  return item === undefined ? 'nothing to pick' : call(item);
}
