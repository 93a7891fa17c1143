import { assertNever, type JsonObject, type FunctionDefinition, type JobId, type LeaseToken } from '@perdure/domain';
import { type SdkAnswer, transportFailure } from '@perdure/protocol';
import type { ClaimedJob, RunState, StepSave } from '@perdure/store';
import { hintOfCell } from '../hints/cell-hints.ts';
import { throughOutage } from '../loop/through-outage.ts';
import type { Ports } from '../ports.ts';
import { parseRunMeta } from '../run/run-meta.ts';
import { callRequest } from './call-request.ts';
import { type Commit, decideCommit, failRefused } from './decide-commit.ts';
import { firesSoon } from './fires-soon.ts';
import { makeRequests, requestsOf, startOthers } from './make-requests.ts';
import { defersOf, noteDefers } from './note-defers.ts';
import { metadataOf, noteMetadata } from './note-metadata.ts';
import { rememberDefers, stateAfterSaves, stateOf } from './run-cache.ts';
import { jobFacts, JobWatch } from './watch-job.ts';

/** What the loop is told when a job and those chained to it are done. */
export type JobEnd = { hasReady: boolean };

/**
 * Calls the application for a claimed job and commits what it answered; goes on with the next job of the run for as
 * long as the store hands one back (execution.md 5.1). `onJob` is told each job as it is taken, so that its lease is kept;
 * `onReady` when others became ready and this one goes on: steps beside one another start together.
 *
 * A crash anywhere is safe: until the commit the lease runs out and the job is claimed again; after it the next job
 * exists. What the store answers with `stale` or `run-gone` is dropped.
 */
export async function executeJob(
  ports: Ports,
  claimed: ClaimedJob,
  {
    onJob,
    onReady,
    signal,
    claimTrace,
  }: { onJob: (job: ClaimedJob) => void; onReady?: () => void; signal: AbortSignal; claimTrace?: string | undefined },
): Promise<JobEnd> {
  let job: ClaimedJob | undefined = claimed;
  let known: RunState | undefined;
  let hasReady = false;
  while (job !== undefined) {
    onJob(job);
    const state = stateOf(job, known);
    const watch = new JobWatch(ports, job, job === claimed ? { how: 'claimed', claimTrace } : { how: 'chained' });
    const commit = await attempt(ports, job, state, signal, watch);
    if (commit === 'aborted') return { hasReady };
    const current = job;
    const commitIt = (): Promise<Committed> => carryOut(ports, current, state, commit, signal.aborted);
    // What the application did is not thrown away because the store is away for a while; the lease fences it.
    const end = await watch.committing(commit, () =>
      throughOutage(commitIt, { what: 'commit a job', log: ports.log, signal }),
    );
    hasReady = end.hasReady;
    if (hasReady && end.next !== undefined) onReady?.();
    known = end.state;
    job = end.next;
  }
  return { hasReady };
}

async function attempt(
  ports: Ports,
  job: ClaimedJob,
  state: RunState,
  signal: AbortSignal,
  watch: JobWatch,
): Promise<Commit | 'aborted'> {
  const fn = await ports.catalog.findFunction(job.run.functionId);
  const answer = fn === undefined ? functionMissing(job) : await call(ports, fn, job, state, signal, watch);
  if (answer === 'aborted') return 'aborted';
  if (answer.kind === 'failed' && answer.code !== undefined) {
    ports.log.info('a call failed', { ...jobFacts(job), code: answer.code, reason: answer.error.message });
  }
  const outage = { what: 'commit a part of a job', log: ports.log, signal };
  const defers = defersOf(answer);
  if (defers.length > 0) {
    const held = { runId: job.run.runId, lease: leaseOf(job) };
    rememberDefers(state, await throughOutage(() => noteDefers(ports, held, defers), outage));
  }
  const metadata = metadataOf(answer);
  if (metadata.length > 0) {
    const source = `${job.jobId}:${job.generation}`;
    await noteMetadata(ports, { runId: job.run.runId, source, attempt: job.attempt }, metadata);
  }
  await confirmInvoked(ports, answer);
  const requests = requestsOf(answer);
  if (requests.length === 0) return decide(ports, job, state, answer);
  const others = await decide(ports, job, state, answer);
  if (others.kind !== 'advance') return others;
  const refused = await throughOutage(() => startOthers(ports, job, others, requests), outage);
  if (refused !== undefined) return refused;
  const settled = await makeRequests(ports, job, answer, signal);
  return settled === 'aborted' ? 'aborted' : decide(ports, job, state, settled);
}

async function decide(ports: Ports, job: ClaimedJob, state: RunState, answer: SdkAnswer): Promise<Commit> {
  return decideCommit({
    answer,
    job: { attempt: await attemptOf(ports, job, answer), attemptsMax: job.attemptsMax },
    now: ports.clock.now(),
    random: ports.ids.random(),
    backoff: ports.settings.backoff,
    context: {
      run: job.run,
      triggerEvent: () => firstEventOf(state.events),
      trace: () => parseRunMeta(job.run.meta).trace,
      findFunction: (name) => ports.catalog.index.findByName(name),
    },
  });
}

/** A function that is not known here may have been registered a moment ago, at another process. */
async function confirmInvoked({ catalog }: Ports, answer: SdkAnswer): Promise<void> {
  if (answer.kind !== 'ops') return;
  const isUnknown = answer.ops.some(
    (op) => op.kind === 'invoke' && catalog.index.findByName(op.functionId) === undefined,
  );
  if (isUnknown) await catalog.confirm();
}

/**
 * The number of the attempt that ended. A checkpoint made during the call gave the job its attempts back, so after a
 * failure of a call that can make one, the store is asked.
 */
async function attemptOf(ports: Ports, job: ClaimedJob, answer: SdkAnswer): Promise<number> {
  const hasFailed =
    answer.kind === 'failed' || (answer.kind === 'ops' && answer.ops.some((op) => op.kind === 'step-error'));
  if (!hasFailed || job.attempt === 0) return job.attempt;
  const current = await ports.store.findJob(job.jobId);
  return current?.attempt ?? job.attempt;
}

async function call(
  ports: Ports,
  fn: FunctionDefinition,
  job: ClaimedJob,
  state: RunState,
  signal: AbortSignal,
  watch: JobWatch,
): Promise<SdkAnswer | 'aborted'> {
  const request = callRequest(ports, fn, job, state, (url) => watch.callStarts(url));
  const answer = await ports.invoker.call({ ...request, timeoutMs: ports.settings.callTimeoutMs, signal });
  watch.callEnds(signal.aborted ? 'aborted' : answer);
  return signal.aborted ? 'aborted' : answer;
}

function firstEventOf(events: string): JsonObject {
  const [first] = JSON.parse(events) as JsonObject[];
  return first ?? {};
}

function functionMissing(job: ClaimedJob): SdkAnswer {
  return transportFailure('unknown', `The function ${job.run.functionId} is not registered.`);
}

export interface Committed {
  hasReady: boolean;
  next?: ClaimedJob;
  state?: RunState;
}

/** The only place that acts on a `Commit`. */
export async function carryOut(
  ports: Ports,
  job: ClaimedJob,
  state: RunState,
  commit: Commit,
  isDraining: boolean,
): Promise<Committed> {
  switch (commit.kind) {
    case 'advance':
      return advance(ports, job, state, commit, isDraining);
    case 'retry':
      return retry(ports, job, commit);
    case 'complete':
      return complete(ports, job, commit);
    case 'fail':
      ports.log.info('a run failed', { ...jobFacts(job), error: commit.error.name, reason: commit.error.message });
      return finalize(ports, job, { status: 'Failed', output: commit.output });
    default:
      return assertNever(commit);
  }
}

async function advance(
  ports: Ports,
  job: ClaimedJob,
  state: RunState,
  commit: Extract<Commit, { kind: 'advance' }>,
  isDraining: boolean,
): Promise<Committed> {
  const { settings, ids, store } = ports;
  const { saves, plans, isParallel, discover, requestVersion } = commit;
  const after = saves.length === 0 ? state : stateAfterSaves(state, saves);
  const result = await store.advance({
    runId: job.run.runId,
    lease: leaseOf(job),
    saves,
    plans,
    isParallel,
    discover,
    ...(requestVersion !== undefined && { requestVersion }),
    attemptsMax: job.attemptsMax,
    limits: { stepsMax: settings.stepsMax, stateBytesMax: settings.stateBytesMax },
    ...(!isDraining && {
      chain: { token: ids.token(), leaseMs: settings.leaseMs, knownStack: after.stack.length },
    }),
  });
  switch (result.kind) {
    case 'advanced':
      return {
        hasReady: result.hasReady || firesSoon(plans, ports.clock.now()),
        state: after,
        ...(result.next && { next: result.next }),
      };
    case 'stale':
    case 'run-gone':
      if (result.kind === 'stale') ports.telemetry.metrics.leasesLost.add(1);
      ports.log.debug('an answer came too late', { ...jobFacts(job), outcome: result.kind });
      return { hasReady: false };
    case 'too-many-steps':
    case 'state-too-large':
    case 'signal-conflict':
      return carryOut(ports, job, state, failRefused(result.kind, settings), isDraining);
    default:
      return assertNever(result);
  }
}

async function complete(
  ports: Ports,
  job: ClaimedJob,
  { output, saves }: Extract<Commit, { kind: 'complete' }>,
): Promise<Committed> {
  const failure = await saveSteps(ports, job, saves);
  if (failure) return finalize(ports, job, { status: 'Failed', output: failure.output });
  return finalize(ports, job, { status: 'Completed', output });
}

async function retry(
  ports: Ports,
  job: ClaimedJob,
  { notBefore, error, saves }: Extract<Commit, { kind: 'retry' }>,
): Promise<Committed> {
  const failure = await saveSteps(ports, job, saves);
  if (failure) return finalize(ports, job, { status: 'Failed', output: failure.output });
  const inMs = notBefore - ports.clock.now();
  ports.log.info('an attempt failed and will be repeated', {
    ...jobFacts(job),
    error: error.name,
    reason: error.message,
    inMs,
  });
  await ports.store.retry({ lease: leaseOf(job), notBefore, reason: 'failure' });
  return { hasReady: true };
}

/** Saves steps ahead of what their answer does besides. Answers why the run must fail instead, if it must. */
async function saveSteps(
  { settings, store }: Ports,
  job: ClaimedJob,
  saves: StepSave[],
): Promise<Extract<Commit, { kind: 'fail' }> | undefined> {
  if (saves.length === 0) return undefined;
  const saved = await store.checkpoint({
    runId: job.run.runId,
    lease: leaseOf(job),
    saves,
    leaseMs: settings.leaseMs,
    limits: { stepsMax: settings.stepsMax, stateBytesMax: settings.stateBytesMax },
  });
  return saved === 'too-many-steps' || saved === 'state-too-large' ? failRefused(saved, settings) : undefined;
}

async function finalize(
  ports: Ports,
  job: ClaimedJob,
  end: { status: 'Completed' | 'Failed'; output: string },
): Promise<Committed> {
  const result = await ports.store.finalize({ runId: job.run.runId, lease: leaseOf(job), ...end });
  if (result === 'finalized') {
    hintOfCell(ports, 'outbox-filled', job.run.runId);
    ports.log.debug('a run ended', { ...jobFacts(job), status: end.status });
  }
  // What the ended run held may have freed others.
  return { hasReady: true };
}

/** What a mutation in the job's name must show. */
export function leaseOf({ jobId, token }: ClaimedJob): { jobId: JobId; token: LeaseToken } {
  return { jobId, token };
}
