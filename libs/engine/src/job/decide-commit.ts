import { assertNever, decideAfterFailure, type BackoffPolicy, type EpochMs, type JsonObject } from '@perdure/domain';
import { canonicalJson, type Op, type SdkAnswer, type SdkError } from '@perdure/protocol';
import type { StepPlan, StepSave } from '@perdure/store';
import { type PlanContext, planOp } from './plan-op.ts';

/** Ops in one answer (sdk-protocol.md 7.4). */
export const OPS_MAX = 1000;

/** What is done about an answer; the executor carries it out in one operation, or two where `saves` come before an end or a retry. */
export type Commit =
  | {
      kind: 'advance';
      saves: StepSave[];
      plans: StepPlan[];
      isParallel: boolean;
      discover: boolean;
      requestVersion?: number;
    }
  | { kind: 'retry'; notBefore: EpochMs; error: SdkError; saves: StepSave[] }
  /** `saves`: steps that ended with the same answer; they count as the others do. */
  | { kind: 'complete'; output: string; saves: StepSave[] }
  | { kind: 'fail'; output: string; error: SdkError };

export interface DecideCommitInput {
  answer: SdkAnswer;
  job: { attempt: number; attemptsMax: number };
  now: EpochMs;
  /** Uniform in [0, 1). */
  random: number;
  backoff: BackoffPolicy;
  /** What waits and invocations are planned with. */
  context: Pick<PlanContext, 'run' | 'triggerEvent' | 'trace' | 'findFunction'>;
}

type StepOp = Exclude<Op, { kind: 'none' }>;

/** Decides what an attempt's answer does to its run (sdk-protocol.md 7, execution.md 5.4 to 5.6). Pure. */
export function decideCommit(input: DecideCommitInput): Commit {
  const { answer } = input;
  switch (answer.kind) {
    case 'completed':
      return { kind: 'complete', output: answer.output, saves: [] };
    case 'failed':
      return afterFailedAttempt(answer, input);
    case 'ops':
      return afterOps(answer, input);
    default:
      return assertNever(answer);
  }
}

function afterFailedAttempt(answer: Extract<SdkAnswer, { kind: 'failed' }>, input: DecideCommitInput): Commit {
  const next = decideAfterFailure(
    {
      ...input.job,
      isRetriable: answer.isRetriable,
      ...(answer.retryAt !== undefined && { retryAt: answer.retryAt }),
    },
    { now: input.now, random: input.random, policy: input.backoff },
  );
  if (next.kind === 'retry') return { kind: 'retry', notBefore: next.notBefore, error: answer.error, saves: [] };
  return { kind: 'fail', output: answer.output, error: answer.error };
}

function afterOps(answer: Extract<SdkAnswer, { kind: 'ops' }>, input: DecideCommitInput): Commit {
  if (answer.ops.length > OPS_MAX) return tooManySteps();
  const ops = answer.ops.filter((op) => op.kind !== 'none');
  const saves = ops.flatMap(saveOf);
  const end = ops.find((op) => op.kind === 'run-complete');
  if (end) return { kind: 'complete', output: end.output, saves };

  const errors = ops.filter((op) => op.kind === 'step-error');
  const [error] = errors;
  if (error !== undefined) {
    const next = decideAfterFailure(
      { ...input.job, isRetriable: !answer.noRetry, ...(answer.retryAt !== undefined && { retryAt: answer.retryAt }) },
      { now: input.now, random: input.random, policy: input.backoff },
    );
    if (next.kind === 'retry') return { kind: 'retry', notBefore: next.notBefore, error: error.error, saves };
    saves.push(...errors.map(({ hash, memo, isRace }) => ({ hash, memo, isRace })));
  }
  return advance(ops, saves, answer.requestVersion, input);
}

function advance(
  ops: StepOp[],
  saves: StepSave[],
  requestVersion: number | undefined,
  input: DecideCommitInput,
): Commit {
  const plans: StepPlan[] = [];
  const context = { ...input.context, now: input.now, attemptsMax: input.job.attemptsMax };
  for (const op of ops) {
    const planned = planOp(op, context);
    if (planned.kind === 'fail') return failWith(planned.error);
    if (planned.kind === 'plan') plans.push(planned.plan);
    if (planned.kind === 'save') saves.push(planned.save);
  }
  const counted = ops.filter((op) => op.kind !== 'defer-add' && op.kind !== 'defer-abort');
  return {
    kind: 'advance',
    saves,
    plans,
    isParallel: counted.length > 1,
    discover: counted.some((op) => op.kind === 'discover'),
    ...(requestVersion !== undefined && { requestVersion }),
  };
}

function saveOf(op: StepOp): StepSave[] {
  if (op.kind !== 'step-done' && op.kind !== 'step-failed') return [];
  return [{ hash: op.hash, memo: op.memo, isRace: op.isRace }];
}

function tooManySteps(): Commit {
  return failRun(
    'InngestErrFunctionOverflowed',
    `The function run exceeded the limit of ${OPS_MAX} operations in one response.`,
  );
}

/** The end of a run that the platform itself decides on: no retry can help (sdk-protocol.md 7.7). */
export function failRun(name: string, message: string): Extract<Commit, { kind: 'fail' }> {
  return failWith({ name, message });
}

function failWith(error: SdkError): Extract<Commit, { kind: 'fail' }> {
  const { name, message } = error;
  return {
    kind: 'fail',
    error,
    output: canonicalJson({ error: { ...error, error: `${name}: ${message}` } as JsonObject }),
  };
}

/** What a run fails with whose answer the store refused. */
export function failRefused(
  cause: 'too-many-steps' | 'state-too-large' | 'signal-conflict',
  { stepsMax, stateBytesMax }: { stepsMax: number; stateBytesMax: number },
): Extract<Commit, { kind: 'fail' }> {
  switch (cause) {
    case 'too-many-steps':
      return stepsOverflowed(stepsMax);
    case 'state-too-large':
      return stateTooLarge(stateBytesMax);
    case 'signal-conflict':
      return failRun('Error', 'Signal conflict; signal wait already exists for another run');
    default:
      return assertNever(cause);
  }
}

function stepsOverflowed(stepsMax: number): Extract<Commit, { kind: 'fail' }> {
  return failRun('InngestErrFunctionOverflowed', `The function run exceeded the step limit of ${stepsMax} steps.`);
}

function stateTooLarge(stateBytesMax: number): Extract<Commit, { kind: 'fail' }> {
  return failRun(
    'InngestErrStateOverflowed',
    `The function run exceeded the state size limit of ${stateBytesMax} bytes.`,
  );
}
