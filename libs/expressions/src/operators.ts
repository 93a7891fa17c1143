import { assertNever } from '@perdure/domain';
import type { BinaryOperator } from './expression-node.ts';
import { compareValues, equalValues } from './compare-values.ts';
import type { Meter } from './meter.ts';
import {
  Duration,
  Failure,
  INT_MAX,
  INT_MIN,
  isAbsent,
  isList,
  isMap,
  isNumeric,
  scalarText,
  Timestamp,
  typeNameOf,
  type Value,
} from './value.ts';

type Operation = (left: Value, right: Value, meter: Meter) => Value;
type Arithmetic = '-' | '*' | '/' | '%';

/** Every binary operator on two values that are no failures (execution.md 6.3, 6.5). */
export const OPERATIONS: Readonly<Record<BinaryOperator, Operation>> = {
  '==': equalValues,
  '!=': (left, right, meter) => !equalValues(left, right, meter),
  '<': (left, right) => (compareValues(left, right) ?? Number.NaN) < 0,
  '<=': (left, right) => (compareValues(left, right) ?? Number.NaN) <= 0,
  '>': (left, right) => (compareValues(left, right) ?? Number.NaN) > 0,
  '>=': (left, right) => (compareValues(left, right) ?? Number.NaN) >= 0,
  in: isIn,
  '+': add,
  '-': subtract,
  '*': (left, right) => arithmetic('*', left, right),
  '/': (left, right) => arithmetic('/', left, right),
  '%': (left, right) => arithmetic('%', left, right),
};

/** An int, or a failure when it does not fit in 64 bits. */
export function checkedInt(value: bigint): bigint | Failure {
  return value < INT_MIN || value > INT_MAX ? new Failure('an integer does not fit in 64 bits') : value;
}

function isIn(left: Value, right: Value, meter: Meter): Value {
  if (isAbsent(right)) return false;
  if (isList(right)) {
    meter.charge(right.length);
    return right.some((item) => equalValues(left, item, meter));
  }
  if (!isMap(right)) return unfit('in', left, right);
  const key = scalarText(left);
  return key !== undefined && Object.hasOwn(right, key);
}

/** Numbers add, a string takes in any scalar, and a missing operand leaves the other one. */
function add(left: Value, right: Value, meter: Meter): Value {
  if (isAbsent(left)) return right;
  if (isAbsent(right)) return left;
  if (typeof left === 'string' || typeof right === 'string') return concatenate(left, right, meter);
  if (isNumeric(left) && isNumeric(right)) {
    return typeof left === 'bigint' && typeof right === 'bigint'
      ? checkedInt(left + right)
      : Number(left) + Number(right);
  }
  if (isList(left) && isList(right)) {
    meter.charge(left.length + right.length);
    return [...left, ...right];
  }
  if (left instanceof Timestamp && right instanceof Duration) return new Timestamp(left.ms + right.ms);
  if (left instanceof Duration && right instanceof Timestamp) return new Timestamp(left.ms + right.ms);
  if (left instanceof Duration && right instanceof Duration) return new Duration(left.ms + right.ms);
  return unfit('+', left, right);
}

function concatenate(left: Value, right: Value, meter: Meter): Value {
  const before = scalarText(left);
  const after = scalarText(right);
  if (before === undefined || after === undefined) return unfit('+', left, right);
  meter.chargeText(before.length + after.length);
  return before + after;
}

function subtract(left: Value, right: Value): Value {
  if (left instanceof Timestamp && right instanceof Timestamp) return new Duration(left.ms - right.ms);
  if (left instanceof Timestamp && right instanceof Duration) return new Timestamp(left.ms - right.ms);
  if (left instanceof Duration && right instanceof Duration) return new Duration(left.ms - right.ms);
  return arithmetic('-', left, right);
}

/** Two ints stay an int; with a double among them both are doubles (execution.md 6.5.1). */
function arithmetic(operator: Arithmetic, left: Value, right: Value): Value {
  if (!isNumeric(left) || !isNumeric(right)) return unfit(operator, left, right);
  if (typeof left === 'bigint' && typeof right === 'bigint') return intArithmetic(operator, left, right);
  const [a, b] = [Number(left), Number(right)];
  switch (operator) {
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return a % b;
    default:
      return assertNever(operator);
  }
}

function intArithmetic(operator: Arithmetic, left: bigint, right: bigint): Value {
  if ((operator === '/' || operator === '%') && right === 0n) return new Failure('an integer is divided by zero');
  switch (operator) {
    case '-':
      return checkedInt(left - right);
    case '*':
      return checkedInt(left * right);
    case '/':
      return checkedInt(left / right);
    case '%':
      return left % right;
    default:
      return assertNever(operator);
  }
}

function unfit(operator: string, left: Value, right: Value): Failure {
  return new Failure(`'${operator}' does not work on ${typeNameOf(left)} and ${typeNameOf(right)}`);
}
