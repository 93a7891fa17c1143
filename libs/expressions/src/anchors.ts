import { createHash } from 'node:crypto';
import type { JsonObject, JsonValue } from '@perdure/domain';
import type { ExpressionNode, Literal } from './expression-node.ts';
import { compileResidual, type Residual } from './interpolate.ts';
import { BOUND_VALUES } from './parse-expression.ts';
import { fieldOf, type Value } from './value.ts';

/** An equality that must hold for a residual to hold: what the index of waiting pauses is made of (execution.md 6.7). */
export interface Anchor {
  /** Field names below `async`, as JSON. */
  path: string;
  /** Of the value that must stand there, see `hashAt`. */
  hash: string;
}

/** Equalities of which at least one holds whenever the residual does; `scan` when there is no such set. */
export type Anchors = { kind: 'anchors'; anchors: Anchor[] } | { kind: 'scan' };

/** Groups of a disjunction; more are not worth the index entries. */
export const ANCHORS_MAX = 16;

type Scalar = Exclude<Literal, bigint>;

/** A choice of equalities for one group: any of them is enough to find it. */
type Group = { path: string; value: Scalar }[];

/** How selective an equality with such a value tends to be, best first. */
const PREFERENCE = ['string', 'number', 'boolean', 'object'];

/** Finds the anchors of a residual: an OR of groups, each group an AND of which one equality is taken. */
export function anchorsOf(residual: Residual): Anchors {
  const compiled = compileResidual(residual);
  if (!compiled.ok) return { kind: 'scan' };
  const groups = new Grouping(residual.vars).groupsOf(compiled.expression.root, true);
  if (groups === undefined) return { kind: 'scan' };
  const anchors = groups.map(bestOf);
  if (anchors.includes(undefined)) return { kind: 'scan' };
  const distinct = new Map(anchors.flatMap((each) => (each === undefined ? [] : [[each.path + each.hash, each]])));
  return { kind: 'anchors', anchors: [...distinct.values()] };
}

/**
 * The hash of what stands at an anchor's path in an incoming event: equal for values that `==` holds equal, so that 10 and
 * 10.0, or null and a missing field, are one. Undefined for lists and maps, which no anchor asks for.
 */
export function hashAt(event: JsonObject, path: string): string | undefined {
  const keys: string[] = JSON.parse(path);
  let value: Value = event;
  for (const key of keys) value = fieldOf(value, key);
  return hashOf(value);
}

function hashOf(value: Value): string | undefined {
  const text = hashedText(value);
  return text === undefined ? undefined : createHash('sha256').update(text).digest('hex').slice(0, 32);
}

function hashedText(value: Value): string | undefined {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'string') return `string:${value}`;
  if (typeof value === 'boolean') return `boolean:${value}`;
  return typeof value === 'number' ? `number:${value + 0}` : undefined;
}

function bestOf(group: Group): Anchor | undefined {
  const ranked = group.toSorted((a, b) => PREFERENCE.indexOf(typeof a.value) - PREFERENCE.indexOf(typeof b.value));
  const best = ranked[0];
  const hash = best === undefined ? undefined : hashOf(best.value);
  return best === undefined || hash === undefined ? undefined : { path: best.path, hash };
}

class Grouping {
  readonly #vars: JsonObject;
  /** A condition is looked at both ways, so nested ones would otherwise take exponential time. */
  readonly #known = {
    truthy: new Map<ExpressionNode, Group[] | undefined>(),
    falsy: new Map<ExpressionNode, Group[] | undefined>(),
  };

  constructor(vars: JsonObject) {
    this.#vars = vars;
  }

  /**
   * Groups of which one holds whenever the node is truthy (`holds`) or falsy (not `holds`). Groups may hold more often than
   * the node: the index finds candidates, and each is evaluated in full. Undefined: too many.
   */
  groupsOf(node: ExpressionNode, holds: boolean): Group[] | undefined {
    const known = holds ? this.#known.truthy : this.#known.falsy;
    if (!known.has(node)) known.set(node, this.#group(node, holds));
    return known.get(node);
  }

  #group(node: ExpressionNode, holds: boolean): Group[] | undefined {
    switch (node.kind) {
      case 'literal':
        return Boolean(node.value) === holds ? [[]] : [];
      case 'not':
        return this.groupsOf(node.of, !holds);
      case 'and':
      case 'or': {
        const [left, right] = [this.groupsOf(node.left, holds), this.groupsOf(node.right, holds)];
        return (node.kind === 'and') === holds ? both(left, right) : either(left, right);
      }
      case 'conditional': {
        const { condition, whenTrue, whenFalse } = node;
        return either(
          both(this.groupsOf(condition, true), this.groupsOf(whenTrue, holds)),
          both(this.groupsOf(condition, false), this.groupsOf(whenFalse, holds)),
        );
      }
      case 'binary':
        return groupsOfComparison(node, holds, this.#vars);
      default:
        return [[]];
    }
  }
}

function groupsOfComparison(node: ExpressionNode & { kind: 'binary' }, holds: boolean, vars: JsonObject): Group[] {
  const { operator, left, right } = node;
  if (operator === (holds ? '==' : '!=')) {
    return [[...equality(left, right, vars), ...equality(right, left, vars)]];
  }
  const path = asyncPath(left);
  const choices = operator === 'in' && holds ? scalarsOf(right, vars) : undefined;
  if (path === undefined || choices === undefined || choices.length > ANCHORS_MAX) return [[]];
  return choices.map((value) => [{ path, value }]);
}

function equality(side: ExpressionNode, other: ExpressionNode, vars: JsonObject): Group {
  const path = asyncPath(side);
  const value = scalarOf(other, vars);
  return path === undefined || value === undefined ? [] : [{ path, value }];
}

/** An AND is found by either side, should both together be too many groups. */
function both(left: Group[] | undefined, right: Group[] | undefined): Group[] | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  if (left.length * right.length <= ANCHORS_MAX) return left.flatMap((a) => right.map((b) => [...a, ...b]));
  return left.every((group) => group.length > 0) ? left : right;
}

function either(left: Group[] | undefined, right: Group[] | undefined): Group[] | undefined {
  if (left === undefined || right === undefined || left.length + right.length > ANCHORS_MAX) return undefined;
  return [...left, ...right];
}

function asyncPath(node: ExpressionNode): string | undefined {
  const keys: string[] = [];
  let of = node;
  for (; of.kind === 'field'; of = of.of) keys.unshift(of.key);
  return of.kind === 'variable' && of.name === 'async' && keys.length > 0 ? JSON.stringify(keys) : undefined;
}

/** The value of a literal or of a bound variable, if it is one that an anchor can have. */
function scalarOf(node: ExpressionNode, vars: JsonObject): Scalar | undefined {
  if (node.kind === 'literal') return typeof node.value === 'bigint' ? Number(node.value) : node.value;
  const bound = boundValue(node, vars);
  return bound === undefined ? undefined : scalarIn(bound);
}

function scalarsOf(node: ExpressionNode, vars: JsonObject): Scalar[] | undefined {
  if (node.kind === 'list') return allOf(node.items.map((item) => scalarOf(item, vars)));
  const bound = boundValue(node, vars);
  return Array.isArray(bound) ? allOf(bound.map(scalarIn)) : undefined;
}

function scalarIn(value: JsonValue): Scalar | undefined {
  return typeof value === 'object' && value !== null ? undefined : value;
}

function allOf<T>(items: readonly (T | undefined)[]): T[] | undefined {
  const known = items.filter((item) => item !== undefined);
  return known.length === items.length ? known : undefined;
}

function boundValue(node: ExpressionNode, vars: JsonObject): JsonValue | undefined {
  if (node.kind !== 'field' || node.of.kind !== 'variable' || node.of.name !== BOUND_VALUES) return undefined;
  return vars[node.key] ?? null;
}
