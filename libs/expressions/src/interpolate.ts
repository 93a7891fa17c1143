import type { EpochMs, JsonObject, JsonValue } from '@perdure/domain';
import { compileNode } from './compile-node.ts';
import { compileWith, type CompiledExpression, type Expression, isVolatile } from './compile-expression.ts';
import { childrenOf, type ExpressionNode, type MacroNode } from './expression-node.ts';
import { LimitExceeded, Meter } from './meter.ts';
import { BOUND_VALUES, RESIDUAL_LIMITS } from './parse-expression.ts';
import { isPrintable, printExpression } from './print-expression.ts';
import {
  Duration,
  Failure,
  isAbsent,
  isList,
  isMap,
  isTruthy,
  scalarText,
  Timestamp,
  TypeName,
  type Value,
} from './value.ts';

/** What is left of an expression over `event` and `async` once the event is known; stored with the pause, so plain JSON. */
export interface Residual {
  /** Over `async`, and over `vars` for values that would make the text too long. */
  text: string;
  vars: JsonObject;
}

export type Interpolated =
  /** Matches every event of the name. */
  | { kind: 'true' }
  /** Matches none. */
  | { kind: 'false' }
  /**
   * Depends on the event to come. `missing` lists the paths that the known event lacks: they became null, and null equals
   * null, which is seldom meant (execution.md 6.5.3).
   */
  | { kind: 'residual'; residual: Residual; missing: string[] }
  /** Cannot match whatever comes, because something of the known event does not fit. */
  | { kind: 'error'; message: string };

/** Longer texts are bound to a variable, so that the residual stays short and alike from run to run. */
const INLINE_LENGTH_MAX = 256;

/**
 * Evaluates all that depends on `event` alone and leaves the rest as a text (execution.md 6.6). For every event to come,
 * the residual holds if and only if the whole expression does. The time of `now()` is that of the match.
 */
export function interpolate(expression: Expression, event: JsonObject, { now }: { now: EpochMs }): Interpolated {
  const reduction = new Reduction(event, now);
  try {
    return reduction.conclude(reduction.reduce(expression.root, 0));
  } catch (error) {
    if (error instanceof LimitExceeded) return { kind: 'error', message: error.message };
    throw error;
  }
}

/** Makes a residual ready for `evaluateBoolean` with the variables `async` and `vars`. Repeats come from the cache. */
export function compileResidual({ text }: Residual): CompiledExpression {
  return compileWith(text, ['async'], RESIDUAL_LIMITS);
}

/** Stands for a part that always fails; as a tree, so that a residual can contain one. */
const FAILING: ExpressionNode = {
  kind: 'call',
  name: 'int',
  style: 'function',
  args: [{ kind: 'literal', value: 'error' }],
};

class Reduction {
  readonly #variables: Readonly<Record<string, Value>>;
  readonly #nowMs: number;
  readonly #meter = new Meter();
  readonly #bound: Record<string, JsonValue> = {};
  readonly #missing = new Set<string>();
  #failure = '';

  constructor(event: JsonObject, nowMs: number) {
    this.#variables = { event, [BOUND_VALUES]: {} };
    this.#nowMs = nowMs;
  }

  conclude(root: ExpressionNode): Interpolated {
    if (root === FAILING) return { kind: 'error', message: this.#failure };
    if (root.kind === 'literal') return { kind: root.value === true ? 'true' : 'false' };
    const text = printExpression(root);
    return { kind: 'residual', residual: { text, vars: this.#bound }, missing: [...this.#missing] };
  }

  /** `depth` is the number of macros around the node. */
  reduce(node: ExpressionNode, depth: number): ExpressionNode {
    if (!isKnown(node, depth)) return this.#reduceParts(node, depth);
    return this.#constant(node) ?? this.#reduceParts(node, depth);
  }

  /** The node's value as a tree; undefined when only its parts can be written down. */
  #constant(node: ExpressionNode): ExpressionNode | undefined {
    if (!readsEvent(node)) return node.kind === 'literal' ? node : undefined;
    const frame = { variables: this.#variables, elements: [], nowMs: this.#nowMs, meter: this.#meter };
    const value = compileNode(node)(frame);
    if (value === undefined && node.kind === 'field') this.#missing.add(printExpression(node));
    return this.#written(value);
  }

  #written(value: Value): ExpressionNode | undefined {
    if (isAbsent(value)) return { kind: 'literal', value: null };
    if (value instanceof Failure) {
      this.#failure = value.message;
      return FAILING;
    }
    if (typeof value === 'number') return Number.isFinite(value) ? { kind: 'literal', value } : undefined;
    if (typeof value === 'boolean' || typeof value === 'bigint') return { kind: 'literal', value };
    if (typeof value === 'string') return this.#writtenText(value);
    if (value instanceof TypeName) return { kind: 'type', name: value.name };
    if (value instanceof Timestamp) return madeBy('timestamp', value);
    if (value instanceof Duration) return madeBy('duration', value);
    return isJson(value, this.#meter) ? this.#bind(value) : undefined;
  }

  #writtenText(value: string): ExpressionNode {
    return value.length <= INLINE_LENGTH_MAX && isPrintable(value) ? { kind: 'literal', value } : this.#bind(value);
  }

  #bind(value: JsonValue): ExpressionNode {
    const key = `v${Object.keys(this.#bound).length}`;
    this.#bound[key] = value;
    return { kind: 'field', of: { kind: 'variable', name: BOUND_VALUES }, key };
  }

  #reduceParts(node: ExpressionNode, depth: number): ExpressionNode {
    const into = (part: ExpressionNode): ExpressionNode => this.reduce(part, depth);
    switch (node.kind) {
      case 'and':
        return joinAnd(into(node.left), into(node.right));
      case 'or':
        return joinOr(into(node.left), into(node.right));
      case 'conditional': {
        const condition = into(node.condition);
        const known = truthOf(condition);
        if (known !== undefined) return into(known ? node.whenTrue : node.whenFalse);
        return { kind: 'conditional', condition, whenTrue: into(node.whenTrue), whenFalse: into(node.whenFalse) };
      }
      case 'macro':
        return this.#reduceMacro(node, depth);
      default:
        return failingIfAny(withParts(node, into));
    }
  }

  #reduceMacro(node: MacroNode, depth: number): ExpressionNode {
    const over = this.reduce(node.over, depth);
    if (over === FAILING) return FAILING;
    const reduced: MacroNode = { ...node, over };
    if (node.where !== undefined) reduced.where = this.reduce(node.where, depth + 1);
    if (node.result !== undefined) reduced.result = this.reduce(node.result, depth + 1);
    return reduced;
  }
}

/** Whether its value is the same at every match: it needs no event to come, no time, and no element of a macro around it. */
function isKnown(node: ExpressionNode, depth: number): boolean {
  return !isVolatile(node) && needsNothingElse(node, depth);
}

function needsNothingElse(node: ExpressionNode, depth: number): boolean {
  if (node.kind === 'variable') return node.name === 'event' || node.name === BOUND_VALUES;
  if (node.kind === 'element') return node.slot >= depth;
  return childrenOf(node).every((child) => needsNothingElse(child, depth));
}

function readsEvent(node: ExpressionNode): boolean {
  return node.kind === 'variable' || childrenOf(node).some(readsEvent);
}

function madeBy(name: string, value: Timestamp | Duration): ExpressionNode {
  const text: ExpressionNode = { kind: 'literal', value: scalarText(value) ?? '' };
  return { kind: 'call', name, style: 'function', args: [text] };
}

function isJson(value: Value, meter: Meter): value is JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (isList(value)) return meter.nested(value.length, () => value.every((item) => isJson(item, meter)));
  if (!isMap(value)) return false;
  const items = Object.values(value);
  return meter.nested(items.length, () => items.every((item) => isJson(item, meter)));
}

/** The same kind of node with other parts; only for nodes whose parts are all evaluated, each once. */
function withParts(node: ExpressionNode, into: (part: ExpressionNode) => ExpressionNode): ExpressionNode {
  switch (node.kind) {
    case 'field':
    case 'has':
    case 'not':
    case 'negate':
      return { ...node, of: into(node.of) };
    case 'index':
      return { ...node, of: into(node.of), by: into(node.by) };
    case 'list':
      return { ...node, items: node.items.map(into) };
    case 'map':
      return { ...node, entries: node.entries.map(({ key, value }) => ({ key: into(key), value: into(value) })) };
    case 'binary':
      return { ...node, left: into(node.left), right: into(node.right) };
    case 'call':
      return { ...node, args: node.args.map(into) };
    default:
      return node;
  }
}

function failingIfAny(node: ExpressionNode): ExpressionNode {
  return childrenOf(node).includes(FAILING) ? FAILING : node;
}

/** Whether a node is known to be truthy or falsy. */
function truthOf(node: ExpressionNode): boolean | undefined {
  if (node === FAILING) return false;
  return node.kind === 'literal' ? isTruthy(node.value) : undefined;
}

/** `&&` gives a boolean and takes an error for false, so a part may replace the whole only if it does the same. */
function joinAnd(left: ExpressionNode, right: ExpressionNode): ExpressionNode {
  const [isLeft, isRight] = [truthOf(left), truthOf(right)];
  if (isLeft === false || isRight === false) return { kind: 'literal', value: false };
  if (isLeft === true && isRight === true) return { kind: 'literal', value: true };
  if (isLeft === true && isPlainBoolean(right)) return right;
  if (isRight === true && isPlainBoolean(left)) return left;
  return { kind: 'and', left, right };
}

/** `||` gives an operand, and false for an error in the last one. */
function joinOr(left: ExpressionNode, right: ExpressionNode): ExpressionNode {
  const [isLeft, isRight] = [truthOf(left), truthOf(right)];
  if (isLeft === true) return left;
  if (isLeft === false && right === FAILING) return { kind: 'literal', value: false };
  if (isLeft === false && (isRight !== undefined || isPlainBoolean(right))) return right;
  if (isRight === true && isTrue(right) && isPlainBoolean(left)) return right;
  return { kind: 'or', left, right };
}

function isTrue(node: ExpressionNode): boolean {
  return node.kind === 'literal' && node.value === true;
}

/** Gives true or false for every event, and never fails. */
function isPlainBoolean(node: ExpressionNode): boolean {
  if (node.kind === 'and') return true;
  if (node.kind === 'not') return isPlainBoolean(node.of) || isPath(node.of);
  if (node.kind !== 'binary') return node.kind === 'has' && isPath(node.of);
  const isComparison = ['==', '!=', '<', '<=', '>', '>='].includes(node.operator);
  return isComparison && [node.left, node.right].every((side) => side.kind === 'literal' || isPath(side));
}

/** A variable or a field of one: missing at worst. */
export function isPath(node: ExpressionNode): boolean {
  return node.kind === 'field' ? isPath(node.of) : node.kind === 'variable';
}
