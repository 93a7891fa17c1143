import { advance } from './advance.ts';
import { checkpoint } from './checkpoint.ts';
import { claim } from './claim.ts';
import { collectGarbage } from './collect-garbage.ts';
import { consumePause, resume } from './consume-pause.ts';
import { listRuns } from './list-runs.ts';
import { moveCronCursor } from './cron-cursor.ts';
import { defer } from './defer.ts';
import { dropDuty, takeDuty } from './duties.ts';
import { expireLeases } from './expire-leases.ts';
import { explainRun } from './explain-run.ts';
import { extend } from './extend.ts';
import { finalize } from './finalize.ts';
import { findPausePaths, findPauses } from './find-pauses.ts';
import { counts, findJob, findRun, findRunJobs, findRunState } from './inspect.ts';
import { queueDepths } from './queue-depths.ts';
import { ackOutbox, readOutbox } from './read-outbox.ts';
import { audit, reconcile } from './reconcile.ts';
import { findRekeys, rekey } from './rekey.ts';
import { retry } from './retry.ts';
import { schedule } from './schedule.ts';
import { findSignal, findWait, releaseSignal, reserveSignal } from './signals.ts';
import { setAccountConcurrency, setFunction, setFunctionState } from './set-function.ts';

/** Every operation by name: what a driver can be asked to run. Each is one atomic step. */
export const operations = {
  schedule,
  claim,
  extend,
  advance,
  checkpoint,
  defer,
  retry,
  finalize,
  findPausePaths,
  findPauses,
  consumePause,
  resume,
  setFunction,
  setAccountConcurrency,
  setFunctionState,
  findRekeys,
  rekey,
  readOutbox,
  ackOutbox,
  findRun,
  findRunState,
  findRunJobs,
  findJob,
  listRuns,
  counts,
  explainRun,
  queueDepths,
  collectGarbage,
  expireLeases,
  takeDuty,
  dropDuty,
  moveCronCursor,
  reconcile,
  audit,
  reserveSignal,
  releaseSignal,
  findSignal,
  findWait,
};

export type Operations = typeof operations;
export type OperationName = keyof Operations;
export type OperationArgs<Name extends OperationName> = Parameters<Operations[Name]>[2];
export type OperationResult<Name extends OperationName> = ReturnType<Operations[Name]>;
