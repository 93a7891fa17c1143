import type { ClaimedJob, RunState, StepSave } from '@perdure/store';

/**
 * The run's memoised state as this executor last saw it, so that a chained job needs no second reading of it: the
 * store sends the state along only when it holds more than what is known here.
 */
export function stateAfterSaves(state: RunState, saves: StepSave[]): RunState {
  const steps = { ...state.steps };
  const stack = [...state.stack];
  for (const { hash, memo } of saves) {
    if (steps[hash] !== undefined) continue;
    steps[hash] = memo;
    stack.push(hash);
  }
  return { ...state, steps, stack };
}

/** The chain's later calls are told of them. As in the store, what was noted stays, and what was called off stays so. */
export function rememberDefers(state: RunState, changes: readonly { hash: string; body?: string }[]): void {
  const defers = { ...state.defers };
  for (const { hash, body } of changes) {
    if (body !== undefined) defers[hash] ??= { abortable: true };
    else if (defers[hash] !== undefined) defers[hash] = { abortable: false };
  }
  state.defers = defers;
}

/** The job's state: as claimed, or as known from the job before it in the chain. */
export function stateOf(job: ClaimedJob, known: RunState | undefined): RunState {
  const state = job.state ?? known;
  if (state === undefined) throw new Error('a claimed job carries its state unless the claimant said that it has it');
  return state;
}
