import { type FunctionDefinition, INTERNAL_EVENTS, type JsonObject } from '@perdure/domain';
import { compileExpression, evaluateBoolean } from '@perdure/expressions';
import type { BufferSpec } from '@perdure/store';
import { bucketOf, evaluate } from '../function/constraint-keys.ts';
import { hash } from '../function/hash.ts';

/** A batch with so many bytes of events is full (execution.md 4.6). */
const BATCH_BYTES_MAX = 10 * 1024 * 1024;

export type BufferPlan =
  /** The event has a run of its own. `problem`: it would be batched if its key could be told. */
  { kind: 'none'; problem?: string } | { kind: 'buffer'; spec: BufferSpec };

/**
 * Whether the event waits with others before the function has a run, and where (execution.md 4.0, 4.5, 4.6). Events whose key is
 * missing, false or failing share a buffer each; but for a failing key of a batch. Pure but for hashing.
 */
export function planBuffer(
  { id, flow }: FunctionDefinition,
  event: { name: string; ts: number },
  delivered: JsonObject,
  now: number,
): BufferPlan {
  const { debounce, batch } = flow;
  if (debounce !== undefined) {
    const value = debounce.key === undefined ? '' : bucketOf(evaluate(debounce.key, delivered, now));
    const key = hash(id, debounce.key ?? '', value);
    const { periodMs, timeoutMs } = debounce;
    return {
      kind: 'buffer',
      spec: { kind: 'debounce', key, periodMs, ...(timeoutMs !== undefined && { timeoutMs }), eventAt: event.ts },
    };
  }
  // Who is to act at an instant is not kept waiting for others (execution.md 2.7).
  if (batch === undefined || event.name === INTERNAL_EVENTS.cronTick) return { kind: 'none' };
  if (batch.if !== undefined && !holds(batch.if, delivered, now)) return { kind: 'none' };
  const result = batch.key === undefined ? undefined : evaluate(batch.key, delivered, now);
  if (result?.kind === 'error') return { kind: 'none', problem: result.message };
  const key = hash(id, batch.key ?? '', result === undefined ? '' : bucketOf(result));
  const { sizeMax, timeoutMs } = batch;
  return { kind: 'buffer', spec: { kind: 'batch', key, eventsMax: sizeMax, bytesMax: BATCH_BYTES_MAX, timeoutMs } };
}

function holds(condition: string, delivered: JsonObject, now: number): boolean {
  const compiled = compileExpression(condition, { variables: ['event'] });
  return compiled.ok && evaluateBoolean(compiled.expression, { event: delivered }, { now }).kind === 'true';
}
