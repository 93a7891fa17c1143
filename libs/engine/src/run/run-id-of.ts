import { deriveRunId, type EpochMs, type EventId, type FunctionId, type RunId } from '@perdure/domain';
import { derivedUlid } from '@perdure/protocol';

/**
 * The ID of the function's run of an event, or of a buffer that was closed then. Whoever handles the event, and however often, comes to the same one, also after the
 * store has lost the run (docs/decisions/017).
 */
export function runIdOf(
  { internalId, receivedAt }: { internalId: EventId | RunId; receivedAt: EpochMs },
  functionId: FunctionId,
  cell: number,
): RunId {
  return deriveRunId({ timeMs: receivedAt, cause: internalId, salt: derivedUlid(0, 'run', functionId), cell });
}
