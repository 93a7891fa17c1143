import type { JsonObject, RunId } from '@perdure/domain';
import { isOutbound, type Op } from '@perdure/protocol';
import type { ClaimedJob, RunRecord, StepSave } from '@perdure/store';
import { hintOfCell } from '../hints/cell-hints.ts';
import { decideCommit, failRefused } from '../job/decide-commit.ts';
import { carryOut } from '../job/execute-job.ts';
import { noteDefers } from '../job/note-defers.ts';
import type { Ports } from '../ports.ts';
import { parseRunMeta } from '../run/run-meta.ts';
import { ENDPOINT_LEASE_MS, endpointLease } from './endpoint-lease.ts';

/** `stale`: the platform has gone on with the run, the SDK's call counts no more. `gone`: the run has ended. */
export type EndpointCommit = 'committed' | 'stale' | 'gone' | 'too-large';

/**
 * Commits what a durable endpoint came to while it is under way by itself (sdk-protocol.md 9.1.3). Steps that are done are
 * saved, and it goes on. Whatever else it reports, a sleep, a failed step, its end, is done as for the answer of a call; from
 * then on the platform calls. A repeat changes nothing.
 */
export async function commitEndpointOps(ports: Ports, runId: RunId, ops: Op[]): Promise<EndpointCommit> {
  const run = await ports.store.findRun(runId);
  if (run === undefined) return 'gone';
  const defers = ops.filter((op) => op.kind === 'defer-add' || op.kind === 'defer-abort');
  if (defers.length > 0) await noteDefers(ports, { runId, lease: endpointLease(runId) }, defers);
  if (ops.every(isProgress)) return saveProgress(ports, run, ops);
  const state = await ports.store.findRunState(runId);
  if (state === undefined) return 'gone';
  const jobs = await ports.store.findRunJobs(runId);
  const lease = endpointLease(runId);
  const isHeld = jobs.some((job) => job.jobId === lease.jobId && job.state === 'leased');
  if (!isHeld) return 'stale';
  const job = jobOf(run, ports.catalog.index.findById(run.functionId)?.retries ?? 0);
  const commit = decideCommit({
    answer: { kind: 'ops', ops: withoutRequests(ops), noRetry: false, requestVersion: requestVersionOf(run) },
    job,
    now: ports.clock.now(),
    random: ports.ids.random(),
    backoff: ports.settings.backoff,
    context: {
      run,
      triggerEvent: () => firstEventOf(state.events),
      findFunction: (name) => ports.catalog.index.findByName(name),
    },
  });
  const committed = await carryOut(ports, job, state, commit, true);
  await ports.store.cellOf(runId).durable();
  if (committed.hasReady) hintOfCell(ports, 'jobs-ready', runId);
  hintOfCell(ports, 'outbox-filled', runId);
  return 'committed';
}

/** What leaves the endpoint under way. */
function isProgress(op: Op): boolean {
  return ['step-done', 'none', 'defer-add', 'defer-abort'].includes(op.kind);
}

/** The platform makes requests for those that it calls: it calls, and is asked for them again. */
function withoutRequests(ops: Op[]): Op[] {
  return ops.map((op) => (isOutbound(op) ? { ...op, kind: 'discover' as const } : op));
}

async function saveProgress(ports: Ports, run: RunRecord, ops: Op[]): Promise<EndpointCommit> {
  const { store, settings } = ports;
  const { runId } = run;
  const saves: StepSave[] = ops.flatMap((op) =>
    op.kind === 'step-done' ? [{ hash: op.hash, memo: op.memo, isRace: op.isRace }] : [],
  );
  const result = await store.checkpoint({
    runId,
    lease: endpointLease(runId),
    saves,
    leaseMs: ENDPOINT_LEASE_MS,
    limits: { stepsMax: settings.stepsMax, stateBytesMax: settings.stateBytesMax },
  });
  switch (result) {
    case 'saved':
      await store.cellOf(runId).durable();
      return 'committed';
    case 'stale':
      return 'stale';
    case 'run-gone':
      return 'gone';
    case 'too-many-steps':
    case 'state-too-large': {
      const { output } = failRefused(result, settings);
      await store.finalize({ runId, lease: endpointLease(runId), status: 'Failed', output });
      hintOfCell(ports, 'outbox-filled', runId);
      return 'too-large';
    }
  }
}

/** The start job, as the SDK holds it. */
function jobOf(run: RunRecord, retries: number): ClaimedJob {
  return {
    ...endpointLease(run.runId),
    leaseUntil: 0,
    target: 'step',
    attempt: 0,
    attemptsMax: retries + 1,
    generation: 1,
    infraAttempts: 0,
    stackPosition: 0,
    run,
  };
}

function requestVersionOf(run: RunRecord): number {
  return parseRunMeta(run.meta).endpoint?.requestVersion ?? run.requestVersion;
}

function firstEventOf(events: string): JsonObject {
  const [first] = JSON.parse(events) as JsonObject[];
  return first ?? {};
}
