import type { ConcurrencyLimit, FlowControl, FunctionDefinition, JsonObject } from '@perdure/domain';
import { compileExpression, evaluateKey, type KeyResult } from '@perdure/expressions';
import type { ConstraintKeys } from '@perdure/store';
import { hash } from './hash.ts';

/** A limit with a counter for each value of its key. */
export type KeyedLimit = ConcurrencyLimit & { key: string };

/**
 * Keyed limits in the order in which the store has their counters: by what they limit. An order by their numbers would change
 * with them, and each run would hold the counters of the other limit.
 */
export function keyedLimits({ concurrency }: FlowControl): KeyedLimit[] {
  return concurrency.filter(isKeyed).toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

function isKeyed(limit: ConcurrencyLimit): limit is KeyedLimit {
  return limit.key !== undefined;
}

function nameOf({ scope, key }: KeyedLimit): string {
  return `${scope} ${key}`;
}

/** Stands for all that decides under which keys runs of the function are held back: equal, then equal keys for the same event. */
export function keysIdOf({ id, accountId, envId, flow }: FunctionDefinition): string {
  const { throttle, runConcurrency: run } = flow;
  const keyed = keyedLimits(flow).map(nameOf);
  const parts = [throttle && { key: throttle.key }, keyed, run && { key: run.key }];
  return hash(id, accountId, envId, ...parts.map((part) => JSON.stringify(part) ?? ''));
}

/** What a run for the event is held back by. Errors in key expressions follow execution.md 4.0. */
export function constraintKeys(fn: FunctionDefinition, event: JsonObject, now: number): ConstraintKeys {
  const { flow } = fn;
  const scopes = { fn: fn.id, env: fn.envId, account: fn.accountId };
  const bucket = (text: string | undefined): string => (text === undefined ? '' : bucketOf(evaluate(text, event, now)));
  const keyed = keyedLimits(flow).map(({ scope, key }) => `${scope}:${hash(scopes[scope], key, bucket(key))}`);
  return {
    ...(flow.throttle && { throttle: hash(fn.id, flow.throttle.key ?? '', bucket(flow.throttle.key)) }),
    ...(keyed.length > 0 && { keyed }),
    ...(flow.runConcurrency && { run: hash(fn.id, flow.runConcurrency.key ?? '', bucket(flow.runConcurrency.key)) }),
  };
}

/** Runs whose key is missing, false or failing share a bucket each (execution.md 4.0). */
export function bucketOf(result: KeyResult): string {
  return result.kind === 'key' ? `=${result.key}` : result.kind;
}

/** The value of a key expression for an event. */
export function evaluate(text: string, event: JsonObject, now: number): KeyResult {
  const compiled = compileExpression(text, { variables: ['event'] });
  if (!compiled.ok) return { kind: 'error', message: compiled.message };
  return evaluateKey(compiled.expression, { event }, { now });
}
