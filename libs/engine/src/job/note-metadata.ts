import type { RunId } from '@perdure/domain';
import { derivedUlid, type OpMetadata, type SdkAnswer } from '@perdure/protocol';
import { recordsMessage } from '../history/record-messages.ts';
import type { Ports } from '../ports.ts';

/** What an answer says about its steps. */
export function metadataOf(answer: SdkAnswer): OpMetadata[] {
  return answer.kind === 'ops' ? answer.ops.flatMap((op) => (op.kind === 'none' ? [] : (op.metadata ?? []))) : [];
}

/**
 * Tells history what an SDK says about the steps of a run (sdk-protocol.md 7.4, 9.4). Metadata is for people: it holds no
 * step back, so what the stream does not take is dropped with a warning. `source` names the answer: a repeat under the same
 * name is recorded once.
 */
export async function noteMetadata(
  { stream, clock, log }: Ports,
  { runId, source, attempt }: { runId: RunId; source: string; attempt?: number },
  items: readonly OpMetadata[],
): Promise<void> {
  const at = clock.now();
  const metadata = items.map(({ target, isOfAttempt, kind, op, values }, index) => ({
    // In the order in which they came, which IDs of one instant would not keep.
    id: derivedUlid(at + index, 'metadata', source, String(index)),
    runId,
    target: isOfAttempt && attempt !== undefined ? { ...target, step_attempt: attempt } : target,
    kind,
    op,
    values,
    at,
  }));
  try {
    await stream.append([recordsMessage(`metadata:${source}`, { metadata })]);
  } catch (error) {
    log.warn('metadata of a run was dropped', { runId, items: items.length, error });
  }
}
