import { DEFAULT_ENV_ID, type JsonValue, type RunId } from '@perdure/domain';
import { canonicalJson } from '@perdure/protocol';
import { hintOfCell } from '../hints/cell-hints.ts';
import type { Ports } from '../ports.ts';

/**
 * Hands the payload to the one step that waits for the signal, and continues its run (sdk-protocol.md 9.2). Answers the run,
 * or undefined when nobody waits: a signal is not kept. Repeating it reaches whoever waits by then.
 */
export async function sendSignal(
  ports: Ports,
  { signal, data }: { signal: string; data: JsonValue },
): Promise<RunId | undefined> {
  const memo = canonicalJson({ data: { data, signal } });
  const result = await ports.store.resume({ envId: DEFAULT_ENV_ID, kind: 'signal', correlationId: signal, memo });
  if (result.kind === 'gone') return undefined;
  await ports.store.cellOf(result.runId).durable();
  hintOfCell(ports, 'jobs-ready', result.runId);
  return result.runId;
}
