import type { EpochMs, JsonValue } from '@perdure/domain';
import { canonicalText } from './canonical-text.ts';
import type { Expression } from './compile-expression.ts';
import { LimitExceeded, Meter } from './meter.ts';
import { Failure, isAbsent, typeNameOf, type Value } from './value.ts';

/** Values of the variables, by name. A variable that is not given is missing. */
export type Variables = Readonly<Record<string, JsonValue | undefined>>;

/** `now` is what `now()` gives in this evaluation. */
export interface EvaluationOptions {
  now: EpochMs;
}

export type BooleanResult = { kind: 'true' } | { kind: 'false' } | { kind: 'error'; message: string };

export type KeyResult =
  | { kind: 'key'; key: string }
  | { kind: 'missing' }
  | { kind: 'false' }
  | { kind: 'error'; message: string };

export type NumberResult = { kind: 'number'; value: number } | { kind: 'error'; message: string };

const TRUE: BooleanResult = { kind: 'true' };
const FALSE: BooleanResult = { kind: 'false' };

/** Whether the expression holds. Anything but a boolean, however truthy, is false (execution.md 6.3). Never throws. */
export function evaluateBoolean(
  expression: Expression,
  variables: Variables,
  options: EvaluationOptions,
): BooleanResult {
  return evaluate(expression, variables, options, (value) => (value === true ? TRUE : FALSE));
}

/**
 * The text under which events share a limit, a batch or the like (execution.md 4.0). `missing` covers null too, and
 * `false` is the boolean: what either means differs between features and is the caller's to decide. Never throws.
 */
export function evaluateKey(expression: Expression, variables: Variables, options: EvaluationOptions): KeyResult {
  return evaluate<KeyResult>(expression, variables, options, (value, meter) => {
    if (isAbsent(value)) return { kind: 'missing' };
    return value === false ? { kind: 'false' } : { kind: 'key', key: canonicalText(value, meter) };
  });
}

/** A whole number, truncated toward zero (execution.md 4.7); anything but a finite number is an error. Never throws. */
export function evaluateNumber(expression: Expression, variables: Variables, options: EvaluationOptions): NumberResult {
  return evaluate<NumberResult>(expression, variables, options, (value) => {
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isFinite(number)) {
      return { kind: 'error', message: `expected a number, found ${typeNameOf(value)}` };
    }
    return { kind: 'number', value: Math.trunc(number) + 0 };
  });
}

function evaluate<Result>(
  expression: Expression,
  variables: Variables,
  { now }: EvaluationOptions,
  conclude: (value: Value, meter: Meter) => Result,
): Result | { kind: 'error'; message: string } {
  const meter = new Meter();
  try {
    const value = expression.evaluate({ variables, elements: [], nowMs: now, meter });
    return value instanceof Failure ? { kind: 'error', message: value.message } : conclude(value, meter);
  } catch (error) {
    if (error instanceof LimitExceeded) return { kind: 'error', message: error.message };
    throw error;
  }
}
