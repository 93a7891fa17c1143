import type { Checkpoint } from '@perdure/protocol';
import { hintOfCell } from '../hints/cell-hints.ts';
import type { Ports } from '../ports.ts';
import { failRefused } from './decide-commit.ts';
import { noteDefers } from './note-defers.ts';
import { noteMetadata } from './note-metadata.ts';

export type CheckpointOutcome = 'saved' | 'stale' | 'run-gone' | 'too-large';

/**
 * Saves steps that the SDK completed while its call goes on (sdk-protocol.md 9.1.1). They are saved when this
 * resolves. A run that grows past its limits ends as Failed here, since no answer of the call could mend it.
 */
export async function checkpointSteps(ports: Ports, request: Checkpoint): Promise<CheckpointOutcome> {
  const { store, settings } = ports;
  if (request.defers.length > 0) await noteDefers(ports, request, request.defers);
  const result = await store.checkpoint({
    runId: request.runId,
    lease: request.lease,
    ...(request.generation !== undefined && { generation: request.generation }),
    saves: request.saves,
    leaseMs: settings.leaseMs,
    limits: { stepsMax: settings.stepsMax, stateBytesMax: settings.stateBytesMax },
  });
  if (result === 'saved' && request.metadata.length > 0) {
    const source = `${request.lease.jobId}:${request.lease.token}:${request.saves.at(-1)?.hash ?? ''}`;
    await noteMetadata(ports, { runId: request.runId, source }, request.metadata);
  }
  switch (result) {
    case 'saved':
    case 'stale':
    case 'run-gone':
      return result;
    case 'too-many-steps':
    case 'state-too-large':
      return endOverflowed(ports, request, result);
  }
}

async function endOverflowed(
  ports: Ports,
  { runId, lease }: Checkpoint,
  cause: 'too-many-steps' | 'state-too-large',
): Promise<CheckpointOutcome> {
  const { output } = failRefused(cause, ports.settings);
  await ports.store.finalize({ runId, lease, status: 'Failed', output });
  hintOfCell(ports, 'outbox-filled', runId);
  return 'too-large';
}
