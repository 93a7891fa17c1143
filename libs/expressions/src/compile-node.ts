import { assertNever } from '@perdure/domain';
import { countNodes, type ExpressionNode, type MacroNode } from './expression-node.ts';
import type { Surroundings } from './function-rule.ts';
import { FUNCTIONS } from './functions.ts';
import { checkedInt, OPERATIONS } from './operators.ts';
import {
  Failure,
  fieldOf,
  isAbsent,
  isList,
  isMap,
  isTruthy,
  scalarText,
  TypeName,
  typeNameOf,
  type Value,
} from './value.ts';

/** What one evaluation works on. */
export interface Frame extends Surroundings {
  readonly variables: Readonly<Record<string, Value>>;
  /** The current elements of the macros around, by slot. */
  readonly elements: Value[];
}

export type Evaluate = (frame: Frame) => Value;

/** Turns a tree into nested closures once, so that an evaluation neither walks the tree nor looks anything up by name. */
export function compileNode(node: ExpressionNode): Evaluate {
  switch (node.kind) {
    case 'literal': {
      const { value } = node;
      return () => value;
    }
    case 'variable': {
      const { name } = node;
      return ({ variables }) => variables[name];
    }
    case 'element': {
      const { slot } = node;
      return ({ elements }) => elements[slot];
    }
    case 'type': {
      const name = new TypeName(node.name);
      return () => name;
    }
    case 'field':
      return compileField(node);
    case 'index':
      return strict([node.of, node.by], ([of, by]) => elementOf(of, by));
    case 'has': {
      const of = compileNode(node.of);
      return (frame) => present(of(frame));
    }
    case 'list':
      return strict(node.items, (items) => [...items]);
    case 'map':
      return compileMap(node.entries);
    case 'not':
      return strict([node.of], ([value]) => !isTruthy(value));
    case 'negate':
      return strict([node.of], ([value]) => negate(value));
    case 'binary':
      return compileBinary(node);
    case 'and': {
      const [left, right] = [compileNode(node.left), compileNode(node.right)];
      return (frame) => isTruthy(left(frame)) && isTruthy(right(frame));
    }
    case 'or':
      return compileOr(node);
    case 'conditional': {
      const condition = compileNode(node.condition);
      const [whenTrue, whenFalse] = [compileNode(node.whenTrue), compileNode(node.whenFalse)];
      return (frame) => (isTruthy(condition(frame)) ? whenTrue(frame) : whenFalse(frame));
    }
    case 'call':
      return compileCall(node);
    case 'macro':
      return compileMacro(node);
    default:
      return assertNever(node);
  }
}

/** A whole path such as `event.data.user.id` becomes one closure. */
function compileField(node: ExpressionNode & { kind: 'field' }): Evaluate {
  const keys: string[] = [];
  let of: ExpressionNode = node;
  for (; of.kind === 'field'; of = of.of) keys.unshift(of.key);
  const start = compileNode(of);
  return (frame) => {
    let value = start(frame);
    if (value instanceof Failure) return value;
    for (const key of keys) {
      if (value === undefined) return undefined;
      value = fieldOf(value, key);
    }
    return value;
  };
}

function compileBinary({ operator, left, right }: ExpressionNode & { kind: 'binary' }): Evaluate {
  if (operator === '==' && right.kind === 'literal' && typeof right.value === 'string') {
    const [read, expected] = [compileNode(left), right.value];
    return (frame) => {
      const value = read(frame);
      return value instanceof Failure ? value : value === expected;
    };
  }
  const [readLeft, readRight, operation] = [compileNode(left), compileNode(right), OPERATIONS[operator]];
  return (frame) => {
    const a = readLeft(frame);
    if (a instanceof Failure) return a;
    const b = readRight(frame);
    return b instanceof Failure ? b : operation(a, b, frame.meter);
  };
}

/** The first truthy operand, else the last one; an error is falsy like any other falsy value (execution.md 6.3). */
function compileOr(node: ExpressionNode & { kind: 'or' }): Evaluate {
  const [left, right] = [compileNode(node.left), compileNode(node.right)];
  return (frame) => {
    const first = left(frame);
    if (isTruthy(first)) return first;
    const second = right(frame);
    return second instanceof Failure ? false : second;
  };
}

function compileMap(entries: readonly { key: ExpressionNode; value: ExpressionNode }[]): Evaluate {
  const nodes = entries.flatMap(({ key, value }) => [key, value]);
  return strict(nodes, (parts) => {
    const map: Record<string, Value> = Object.create(null);
    for (let at = 0; at < parts.length; at += 2) {
      const key = scalarText(parts[at]);
      if (key === undefined) return new Failure(`a map's key cannot be a ${typeNameOf(parts[at])}`);
      map[key] = parts[at + 1];
    }
    return map;
  });
}

function compileCall({ name, args }: ExpressionNode & { kind: 'call' }): Evaluate {
  const rule = FUNCTIONS[name];
  if (rule === undefined) return () => new Failure(`unknown function '${name}'`);
  return strict(args, (values, frame) =>
    'whenAbsent' in rule && values.some(isAbsent) ? rule.whenAbsent : rule.apply(values, frame),
  );
}

/** Evaluates all the nodes and applies `apply`, unless one of them fails: then that failure is the result. */
function strict(nodes: readonly ExpressionNode[], apply: (values: Value[], frame: Frame) => Value): Evaluate {
  const parts = nodes.map(compileNode);
  return (frame) => {
    const values: Value[] = [];
    for (const part of parts) {
      const value = part(frame);
      if (value instanceof Failure) return value;
      values.push(value);
    }
    return apply(values, frame);
  };
}

/** What is out of range, of another kind or not there is missing, never an error. */
function elementOf(of: Value, by: Value): Value {
  if (isList(of)) {
    const index = typeof by === 'bigint' ? Number(by) : by;
    return typeof index === 'number' && Number.isInteger(index) ? of[index] : undefined;
  }
  const key = scalarText(by);
  return key === undefined ? undefined : fieldOf(of, key);
}

function present(value: Value): Value {
  return value instanceof Failure ? value : value !== undefined;
}

function negate(value: Value): Value {
  if (typeof value === 'bigint') return checkedInt(-value);
  return typeof value === 'number' ? -value : new Failure(`'-' does not work on ${typeNameOf(value)}`);
}

/** A macro over something missing gives nothing: false, or missing where it would give a list. */
function compileMacro(node: MacroNode): Evaluate {
  const over = compileNode(node.over);
  const loop = compileLoop(node);
  const whenAbsent = node.macro === 'map' || node.macro === 'filter' ? undefined : false;
  const costPerElement = countNodes(node) - countNodes(node.over);
  return (frame) => {
    const subject = over(frame);
    if (subject instanceof Failure) return subject;
    if (isAbsent(subject)) return whenAbsent;
    const items = itemsOf(subject);
    if (items === undefined) return new Failure(`${node.macro}() does not work on ${typeNameOf(subject)}`);
    frame.meter.charge(items.length);
    return loop(items, (item, evaluate) => {
      frame.meter.charge(costPerElement);
      frame.elements[node.slot] = item;
      return evaluate(frame);
    });
  };
}

/** The elements of a list or the keys of a map. */
function itemsOf(subject: Value): readonly Value[] | undefined {
  if (isList(subject)) return subject;
  return isMap(subject) ? Object.keys(subject) : undefined;
}

type Loop = (items: readonly Value[], evaluateFor: (item: Value, evaluate: Evaluate) => Value) => Value;

function compileLoop(node: MacroNode): Loop {
  const where: Evaluate = node.where === undefined ? () => true : compileNode(node.where);
  const result = node.result === undefined ? undefined : compileNode(node.result);
  switch (node.macro) {
    case 'exists':
      return (items, evaluateFor) => items.some((item) => isTruthy(evaluateFor(item, where)));
    case 'all':
      return (items, evaluateFor) => items.every((item) => isTruthy(evaluateFor(item, where)));
    case 'exists_one':
      return (items, evaluateFor) => items.filter((item) => isTruthy(evaluateFor(item, where))).length === 1;
    case 'filter':
      return (items, evaluateFor) => items.filter((item) => isTruthy(evaluateFor(item, where)));
    case 'map':
      return (items, evaluateFor) => {
        const kept = items.filter((item) => isTruthy(evaluateFor(item, where)));
        const mapped = result === undefined ? kept : kept.map((item) => evaluateFor(item, result));
        return mapped.find((item) => item instanceof Failure) ?? mapped;
      };
    default:
      return assertNever(node.macro);
  }
}
