import type { JobId, LeaseToken, RunId, StepHash } from '@perdure/domain';
import { DEFERS_BYTES_MAX, DEFERS_MAX, type Op, printDeferred, type SdkAnswer } from '@perdure/protocol';
import type { DeferArgs } from '@perdure/store';
import type { Ports } from '../ports.ts';

type DeferChange = DeferArgs['changes'][number];
type DeferOp = Extract<Op, { kind: 'defer-add' | 'defer-abort' }>;

/** What an answer says about deferred runs. */
export function defersOf(answer: SdkAnswer): DeferOp[] {
  return answer.kind === 'ops' ? answer.ops.filter(isDefer) : [];
}

function isDefer(op: Op): op is DeferOp {
  return op.kind === 'defer-add' || op.kind === 'defer-abort';
}

/**
 * Notes runs that are to be scheduled when this one ends, and calls others off, ahead of whatever else is committed: when
 * that fails to come, the SDK says it again, which changes nothing. What cannot be deferred is dropped with a warning and
 * fails nobody (sdk-protocol.md 7.5). Answers the changes that were kept.
 */
export async function noteDefers(
  { store, log }: Ports,
  { runId, lease }: { runId: RunId; lease: { jobId: JobId; token: LeaseToken } },
  ops: readonly DeferOp[],
): Promise<DeferChange[]> {
  const dropped = new Set<StepHash>();
  const changes = ops.flatMap((op): DeferChange[] => {
    if (op.kind === 'defer-abort') return [{ hash: op.targetHash }];
    const printed = printDeferred(op);
    if (printed.ok) return [{ hash: op.hash, body: printed.body }];
    dropped.add(op.hash);
    return [];
  });
  const limits = { runsMax: DEFERS_MAX, bytesMax: DEFERS_BYTES_MAX };
  const result = changes.length === 0 ? undefined : await store.defer({ runId, lease, changes, limits });
  // The commit that follows finds out by itself that the lease is lost.
  if (result !== undefined && result.kind !== 'deferred') return [];
  for (const hash of result?.dropped ?? []) dropped.add(hash);
  for (const op of ops) {
    if (op.kind !== 'defer-add' || !dropped.has(op.hash)) continue;
    const facts = { runId, step: op.displayName, function: op.functionSlug, ...limits };
    log.warn('a deferred run was dropped: it names no function, or goes beyond a limit', facts);
  }
  return changes.filter(({ hash }) => !dropped.has(hash));
}
