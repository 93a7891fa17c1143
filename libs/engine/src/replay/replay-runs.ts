import { type EpochMs, type FunctionDefinition, type RunStatus } from '@perdure/domain';
import type { RunHistory, Sweep } from '@perdure/history';
import type { Ports } from '../ports.ts';
import type { SweepBit } from '../control/sweep-loop.ts';
import { hash } from '../function/hash.ts';
import { rerunRun } from './rerun-run.ts';

/** Parts that a second of a replay is done in. */
const BITS_PER_SECOND = 4;
/** Runs that are started at once. */
const AT_ONCE_MAX = 50;

/** Which runs of the function are run again, and how fast. Bounds are of the time of scheduling. */
export interface ReplaySpec {
  from: EpochMs;
  /** Exclusive. */
  until: EpochMs;
  statuses: RunStatus[];
  runsPerSecond: number;
}

/** Begins to run the runs of a function again; the progress is told by `ports.sweeps`. */
export async function addReplay(ports: Ports, fn: FunctionDefinition, spec: ReplaySpec): Promise<Sweep> {
  const now = ports.clock.now();
  const added = {
    id: ports.ids.ulid(now),
    envId: fn.envId,
    kind: 'replay' as const,
    functionId: fn.id,
    spec: JSON.stringify(spec),
    createdAt: now,
  };
  await ports.sweeps.addSweep(added);
  ports.log.info('a replay was asked for', { sweepId: added.id, functionId: fn.id, ...spec });
  return { ...added, state: 'open', seen: 0, done: 0, failed: 0 };
}

/**
 * Runs some of the function's runs again, as many as the rate allows for a part of a second. A run that this replay has run
 * again already is recognised by its dedup key, so a bit that is done twice starts nothing twice.
 */
export async function replayRuns(ports: Ports, sweep: Sweep): Promise<SweepBit> {
  const spec = JSON.parse(sweep.spec) as ReplaySpec;
  const runsMax = Math.max(1, Math.ceil(spec.runsPerSecond / BITS_PER_SECOND));
  const runs = await ports.history.listRunsOfFunction({
    functionId: sweep.functionId,
    statuses: spec.statuses,
    scheduledFrom: spec.from,
    scheduledUntil: spec.until,
    ...(sweep.cursor !== undefined && { cursor: sweep.cursor }),
    runsMax,
  });
  const results: boolean[] = [];
  for (let i = 0; i < runs.length; i += AT_ONCE_MAX) {
    const some = runs.slice(i, i + AT_ONCE_MAX);
    results.push(...(await Promise.all(some.map((run) => isRunAgain(ports, sweep, run)))));
  }
  const done = results.filter(Boolean).length;
  return {
    cursor: runs.at(-1)?.runId ?? sweep.cursor ?? '',
    seen: runs.length,
    done,
    failed: runs.length - done,
    isLast: runs.length < runsMax,
    pauseMs: (runs.length / spec.runsPerSecond) * 1_000,
  };
}

async function isRunAgain(ports: Ports, sweep: Sweep, { runId }: RunHistory): Promise<boolean> {
  const result = await rerunRun(ports, runId, { dedupKey: hash('replay', sweep.id, runId) });
  if (result.kind === 'scheduled') return true;
  ports.log.warn('a run could not be run again', { sweepId: sweep.id, runId, outcome: result.kind });
  return false;
}
