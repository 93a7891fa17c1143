/**
 * Every key of a cell, built here and nowhere else. The cell's hash tag puts all of them in one Redis Cluster slot.
 * Parts are joined by `|`, which callers keep out of them (`name-encoding.ts`).
 *
 * | key | kind | content |
 * |---|---|---|
 * | sys | document | `vt` virtual time of accounts; `seq` of pauses and lanes, `wseq` of waiters; `obhead obseq` of the outbox |
 * | runs, pauses, lanes, fns | sorted sets | live runs, pauses, records of lanes, functions, by when they were created: counts, and what `reconcile` pages through |
 * | rekeys | sorted set | functions of which runs may stand under keys of other expressions, by how far `runs` has been gone through |
 * | acct | document | `lim`, `pass`, `vt` of its functions, `par` parked, `low` |
 * | fn | document | limits, `state`, `pass`, `pc ps` passes of its classes, `vtC vtS` of their lanes, `par`, `low` a limit was lowered, `kid` expressions of its keys, `odd` last run scheduled by others, `racct env app` of runs that wait (waiting-runs.ts) |
 * | back | set | unstarted runs of a function that has a limit for them |
 * | acc, ar, fr | sorted sets | runnable accounts, functions of an account, lanes of a function's class, by pass |
 * | lane, li | sorted set, document | ready jobs by score; what the lane shares and where it stands |
 * | fp | set | parked lanes of a function |
 * | bt | set | lanes of an account that were woken for a counter and not looked at since |
 * | parked | sorted set | `A|` account, `F|` function, `L|` lane to the instant at which it is looked at again; `T|` line (throttle.ts) to that of a token |
 * | ctr, cw | set, sorted set | holders of a counter; lanes waiting for it, or in a line, by since when |
 * | gcra, rl | string | throttle and rate limit buckets: TAT in microseconds |
 * | due, lease | sorted sets | delayed jobs, and `B|` with entries of `buffers`, by instant; leased jobs by end of lease |
 * | run | document | record of a live run; all else of a run has keys that begin with it, and lies beside it on disk: |
 * | run…job | document | a job; not of a start job that was never claimed, which its run tells of (start-jobs.ts) |
 * | run…ev st sk | string, map, list | events, memos, stack |
 * | run…jb pz pg pr dn | sets, map | jobs, pauses, pending group, steps that race beside it; finished jobs |
 * | run…df db | document, map | deferred runs: bytes of each, or that it was called off; what they are to get |
 * | run…end | document | record of an ended run until its outbox entry is acknowledged |
 * | buffers | sorted set | `<ID of a buffer>|<its place>` of open buffers, by when they were opened. Place: function, kind and key |
 * | bf | document | the buffer that is open at a place |
 * | bi | map | what a buffer holds, open or closed, by its ID: events `e0`, `m0` their meta ..., callers `c0` ..., `z` it is closed |
 * | idem, idk, skip, sg | documents, string | dedup key; idempotency key; skipped run; holder of a singleton |
 * | pz | document | a pause |
 * | pzp | document | how the pauses on an event are found: `u` there are some without anchor, `p:` paths in use |
 * | pzq, pzx, pzs | sorted sets | pauses on an event by anchor, by path, without anchor |
 * | inv, sig | string | pause that waits for a correlation |
 * | rsv | document | pause, maybe of another cell, that has a signal whose home this cell is |
 * | ob | document | one outbox entry |
 * | wk | document | last claim of a worker |
 * | duty, cron | documents | who has a duty, and until when; how far a cron trigger was fired |
 * | exp, gc | sorted sets | keys by the instant they expire; ended runs with leftovers |
 */
export const CELL_DEFAULT = 'c0';

/** Keys are relative to the cell; drivers put this in front (architecture.md 4). */
export function cellPrefix(cell: string): string {
  return 'pd:{' + cell + '}:';
}

export const SYS = 'sys';
export const RUNS = 'runs';
export const PAUSES = 'pauses';
export const LANES = 'lanes';
export const BUFFERS = 'buffers';
export const FUNCTIONS = 'fns';
export const REKEYS = 'rekeys';
export const RUNNABLE_ACCOUNTS = 'acc';
export const PARKED = 'parked';
export const DUE = 'due';
export const LEASES = 'lease';
export const EXPIRIES = 'exp';
export const GARBAGE = 'gc';

export function accountKey(accountId: string): string {
  return 'acct|' + accountId;
}
export function functionKey(functionId: string): string {
  return 'fn|' + functionId;
}
export function backlogKey(functionId: string): string {
  return 'back|' + functionId;
}
export function runnableFunctionsKey(accountId: string): string {
  return 'ar|' + accountId;
}
export function runnableLanesKey(functionId: string, cls: string): string {
  return 'fr|' + functionId + '|' + cls;
}
export function parkedLanesKey(functionId: string): string {
  return 'fp|' + functionId;
}
export function batonsKey(accountId: string): string {
  return 'bt|' + accountId;
}
export function laneJobsKey(laneId: string): string {
  return 'lane|' + laneId;
}
export function laneKey(laneId: string): string {
  return 'li|' + laneId;
}
export function counterKey(counter: string): string {
  return 'ctr|' + counter;
}
export function waitersKey(counter: string): string {
  return 'cw|' + counter;
}
export function throttleKey(bucket: string): string {
  return 'gcra|' + bucket;
}
export function rateLimitKey(bucket: string): string {
  return 'rl|' + bucket;
}
export function jobKey(jobId: string): string {
  return 'run|' + runIdOfJob(jobId) + '|job|' + jobId;
}
export function runKey(runId: string): string {
  return 'run|' + runId;
}
export function eventsKey(runId: string): string {
  return 'run|' + runId + '|ev';
}
export function stepsKey(runId: string): string {
  return 'run|' + runId + '|st';
}
export function stackKey(runId: string): string {
  return 'run|' + runId + '|sk';
}
export function runJobsKey(runId: string): string {
  return 'run|' + runId + '|jb';
}
export function runPausesKey(runId: string): string {
  return 'run|' + runId + '|pz';
}
export function groupKey(runId: string): string {
  return 'run|' + runId + '|pg';
}
export function racersKey(runId: string): string {
  return 'run|' + runId + '|pr';
}
export function finishedJobsKey(runId: string): string {
  return 'run|' + runId + '|dn';
}
export function defersKey(runId: string): string {
  return 'run|' + runId + '|df';
}
export function deferBodiesKey(runId: string): string {
  return 'run|' + runId + '|db';
}
export function endedRunKey(runId: string): string {
  return 'run|' + runId + '|end';
}
export function dedupKey(functionId: string, key: string): string {
  return 'idem|' + functionId + '|' + key;
}
export function idempotencyKey(functionId: string, key: string): string {
  return 'idk|' + functionId + '|' + key;
}
export function skippedRunKey(runId: string): string {
  return 'skip|' + runId;
}
export function bufferKey(place: string): string {
  return 'bf|' + place;
}
export function bufferItemsKey(bufferId: string): string {
  return 'bi|' + bufferId;
}
export function singletonKey(functionId: string, key: string): string {
  return 'sg|' + functionId + '|' + key;
}
export function pauseKey(pauseId: string): string {
  return 'pz|' + pauseId;
}
export function pausePathsKey(envId: string, event: string): string {
  return 'pzp|' + envId + '|' + event;
}
export function anchoredPausesKey(envId: string, event: string, anchor: string): string {
  return 'pzq|' + envId + '|' + event + '|' + anchor;
}
export function pausesOnPathKey(envId: string, event: string, path: string): string {
  return 'pzx|' + envId + '|' + event + '|' + path;
}
export function unanchoredPausesKey(envId: string, event: string): string {
  return 'pzs|' + envId + '|' + event;
}
/** `kind` is `invoke` or `signal`. */
export function correlationKey(kind: string, envId: string, correlationId: string): string {
  return (kind === 'invoke' ? 'inv|' : 'sig|') + envId + '|' + correlationId;
}
/** In the home cell of the signal. */
export function reservationKey(envId: string, signal: string): string {
  return 'rsv|' + envId + '|' + signal;
}
export function outboxKey(seq: string): string {
  return 'ob|' + seq;
}
export function workerKey(workerId: string): string {
  return 'wk|' + workerId;
}
export function cronCursorKey(name: string): string {
  return 'cron|' + name;
}
export function dutyKey(duty: string): string {
  return 'duty|' + duty;
}

// Jobs are named after what they are for, so that enqueuing one twice is recognised; the run's ID comes first.

export function startJobId(runId: string): string {
  return runId + '.start';
}
export function discoveryJobId(runId: string, serial: string): string {
  return runId + '.d' + serial;
}
/** The job of a planned step: its call, its wake-up or the timeout of its pause. */
export function stepJobId(runId: string, hash: string): string {
  return runId + '.s.' + hash;
}
export function startTimeoutJobId(runId: string): string {
  return runId + '.start-timeout';
}
export function finishTimeoutJobId(runId: string): string {
  return runId + '.finish-timeout';
}
export function runIdOfJob(jobId: string): string {
  const dot = jobId.indexOf('.');
  return dot < 0 ? jobId : jobId.substring(0, dot);
}
