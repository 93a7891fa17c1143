import { DEFAULT_ENV_ID } from '@perdure/domain';
import { errorMemo } from '@perdure/protocol';
import type { ScheduleResult } from '@perdure/store';
import { hintOfCell } from '../hints/cell-hints.ts';
import { functionNotFound } from '../job/plan-op.ts';
import type { Ports } from '../ports.ts';
import { notInvokedMemo } from './invoke-memo.ts';

/** The store was not asked, or failed. */
type NotScheduled = { kind: 'function-missing'; name: string } | { kind: 'failed'; message: string };

/** Tells the steps that invoked a function why it was not run (execution.md 5.10). Nothing when it was, is, or will be. */
export async function answerUninvoked(
  ports: Ports,
  callers: readonly string[],
  result: NotScheduled | ScheduleResult,
): Promise<void> {
  if (callers.length === 0) return;
  const memo = uninvokedMemo(result);
  if (memo !== undefined) await Promise.all(callers.map((caller) => answer(ports, caller, memo)));
}

/** The step has its outcome; one that has one already keeps it. */
async function answer(ports: Ports, correlationId: string, memo: string): Promise<void> {
  const result = await ports.store.resume({ envId: DEFAULT_ENV_ID, kind: 'invoke', correlationId, memo });
  if (result.kind === 'resumed') hintOfCell(ports, 'jobs-ready', result.runId);
}

function uninvokedMemo(result: NotScheduled | ScheduleResult): string | undefined {
  switch (result.kind) {
    case 'created':
    case 'exists':
    case 'buffered':
      return undefined;
    case 'duplicate':
      // By the event alone: this is a repeat, and the run has answered or will.
      return result.by === 'event' ? undefined : notInvokedMemo({ kind: 'duplicate' });
    case 'rate-limited':
      return notInvokedMemo({ kind: 'rate-limited' });
    case 'skipped':
      return notInvokedMemo({ kind: 'skipped', reason: result.reason });
    case 'function-missing':
      return errorMemo(functionNotFound(result.name));
    case 'failed':
      return errorMemo({ name: 'Error', message: `the invoked function could not be run: ${result.message}` });
  }
}
