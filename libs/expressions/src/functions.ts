import { parseDuration } from '@perdure/domain';
import { calendarFunctions } from './calendar-functions.ts';
import type { FunctionRule, Surroundings } from './function-rule.ts';
import type { Meter } from './meter.ts';
import { checkedInt } from './operators.ts';
import { instantOfNumber, parseDate } from './parse-date.ts';
import { matchesPattern } from './regular-expression.ts';
import {
  Duration,
  Failure,
  INT_MAX,
  INT_MIN,
  isAbsent,
  isList,
  isMap,
  scalarText,
  Timestamp,
  TypeName,
  typeNameOf,
  type Value,
} from './value.ts';

type TextFunction = (text: string, argument: string, meter: Meter) => Value;

const DOUBLE = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Every function of the dialect (execution.md 6.2). A function of something missing is false, but for `size` (6.5.2). */
export const FUNCTIONS: Readonly<Record<string, FunctionRule>> = {
  contains: textMethod((text, part, meter) => {
    meter.chargeText(text.length);
    return text.includes(part);
  }),
  startsWith: textMethod((text, start) => text.startsWith(start)),
  endsWith: textMethod((text, end) => text.endsWith(end)),
  matches: { ...textMethod((text, pattern, meter) => matchesPattern(text, pattern, meter)), style: 'either' },
  lowercase: unary((value, { meter }) => mapText(value, meter, (text) => text.toLowerCase())),
  uppercase: unary((value, { meter }) => mapText(value, meter, (text) => text.toUpperCase())),
  b64decode: unary((value, { meter }) => mapText(value, meter, decodeBase64)),
  json_parse: unary((value, { meter }) => mapText(value, meter, parseObject)),

  size: { style: 'either', arities: [1], apply: ([value], { meter }) => (isAbsent(value) ? 0n : sizeOf(value, meter)) },
  type: { style: 'function', arities: [1], apply: ([value]) => new TypeName(typeNameOf(value)) },
  dyn: { style: 'function', arities: [1], apply: ([value]) => value },
  string: unary((value) => scalarText(value) ?? unfit('string', value)),
  bool: unary(toBool),
  int: unary(toInt),
  double: unary(toDouble),
  timestamp: unary(toTimestamp),
  duration: unary(toDuration),

  date: unary(toTimestamp),
  now: { style: 'function', arities: [0], isVolatile: true, apply: (_args, { nowMs }) => new Timestamp(nowMs) },
  now_plus: { ...unary((value, { nowMs }) => shift(nowMs, value, 1)), isVolatile: true },
  now_minus: { ...unary((value, { nowMs }) => shift(nowMs, value, -1)), isVolatile: true },
  ...calendarFunctions(),
};

function unary(apply: (value: Value, surroundings: Surroundings) => Value): FunctionRule {
  return { style: 'function', arities: [1], whenAbsent: false, apply: ([value], around) => apply(value, around) };
}

function textMethod(apply: TextFunction): FunctionRule {
  return {
    style: 'method',
    arities: [2],
    whenAbsent: false,
    apply: ([text, argument], { meter }) => {
      if (typeof text !== 'string') return new Failure(`expected a string, found ${typeNameOf(text)}`);
      if (typeof argument !== 'string') return new Failure(`expected a string, found ${typeNameOf(argument)}`);
      return apply(text, argument, meter);
    },
  };
}

function mapText(value: Value, meter: Meter, map: (text: string) => Value): Value {
  if (typeof value !== 'string') return new Failure(`expected a string, found ${typeNameOf(value)}`);
  meter.chargeText(value.length);
  return map(value);
}

function decodeBase64(text: string): Value {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) return new Failure('the text is not base64');
  return Buffer.from(text, 'base64').toString('utf8');
}

function parseObject(text: string): Value {
  try {
    const value: Value = JSON.parse(text);
    return isMap(value) ? value : new Failure('the text is JSON, but no object');
  } catch {
    return new Failure('the text is not JSON');
  }
}

/** Strings are counted in code points. */
function sizeOf(value: Value, meter: Meter): Value {
  if (isList(value)) return BigInt(value.length);
  if (isMap(value)) return BigInt(Object.keys(value).length);
  if (typeof value !== 'string') return unfit('size', value);
  meter.chargeText(value.length);
  let size = value.length;
  for (let at = 1; at < value.length; at++) {
    if (isHighSurrogate(value.charCodeAt(at - 1)) && isLowSurrogate(value.charCodeAt(at))) size--;
  }
  return BigInt(size);
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

function toBool(value: Value): Value {
  if (typeof value === 'boolean') return value;
  if (value === 'true') return true;
  return value === 'false' ? false : unfit('bool', value);
}

function toInt(value: Value): Value {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'string' && /^[+-]?\d{1,19}$/.test(value)) return checkedInt(BigInt(value.replace(/^\+/, '')));
  if (value instanceof Timestamp) return BigInt(Math.floor(value.ms / 1000));
  if (typeof value !== 'number') return unfit('int', value);
  const whole = Math.trunc(value);
  return whole >= Number(INT_MIN) && whole < Number(INT_MAX) ? BigInt(whole) : unfit('int', value);
}

function toDouble(value: Value): Value {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'string' && DOUBLE.test(value) ? Number(value) : unfit('double', value);
}

/** Doubles are accepted when integral: `event.ts` is one (execution.md 6.2). */
function toTimestamp(value: Value): Value {
  if (value instanceof Timestamp) return value;
  if (typeof value === 'bigint') return timestampOf(instantOfNumber(Number(value)));
  if (typeof value === 'number' && Number.isInteger(value)) return timestampOf(instantOfNumber(value));
  return typeof value === 'string' ? timestampOf(parseDate(value)) : unfit('date', value);
}

/** The span that a JavaScript date can have. */
const INSTANT_MAX = 8.64e15;

function timestampOf(ms: number | undefined): Value {
  if (ms === undefined) return new Failure('the text is no date');
  return Math.abs(ms) <= INSTANT_MAX ? new Timestamp(ms) : new Failure('the date is out of range');
}

function toDuration(value: Value): Value {
  if (value instanceof Duration) return value;
  const ms = typeof value === 'string' ? parseDuration(value) : undefined;
  return ms === undefined ? new Failure('expected a duration such as "90s" or "1d"') : new Duration(ms);
}

function shift(nowMs: number, value: Value, direction: 1 | -1): Value {
  const length = toDuration(value);
  return length instanceof Duration ? timestampOf(nowMs + direction * length.ms) : length;
}

function unfit(name: string, value: Value): Failure {
  return new Failure(`${name}() does not work on this ${typeNameOf(value)}`);
}
