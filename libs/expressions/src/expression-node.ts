import { assertNever } from '@perdure/domain';

/** What a literal in an expression can be; integers are `bigint`, doubles are `number`. */
export type Literal = null | boolean | number | bigint | string;

export const BINARY_OPERATORS = ['==', '!=', '<', '<=', '>', '>=', 'in', '+', '-', '*', '/', '%'] as const;
export type BinaryOperator = (typeof BINARY_OPERATORS)[number];

export type MacroName = 'exists' | 'exists_one' | 'all' | 'map' | 'filter';

/**
 * Our own syntax tree: what the parser's tree is translated into, so that one file knows the parser. A field and an
 * index by a literal string are the same `field`; a method call has its receiver as the first argument.
 */
export type ExpressionNode =
  | { kind: 'literal'; value: Literal }
  | { kind: 'variable'; name: string }
  /** The element variable of a macro; `slot` counts the macros around it from the outside. */
  | { kind: 'element'; name: string; slot: number }
  /** A type's name used as a value, as in `type(x) == string`. */
  | { kind: 'type'; name: string }
  | { kind: 'field'; of: ExpressionNode; key: string }
  | { kind: 'index'; of: ExpressionNode; by: ExpressionNode }
  | { kind: 'has'; of: ExpressionNode }
  | { kind: 'list'; items: ExpressionNode[] }
  | { kind: 'map'; entries: { key: ExpressionNode; value: ExpressionNode }[] }
  | { kind: 'not'; of: ExpressionNode }
  | { kind: 'negate'; of: ExpressionNode }
  | { kind: 'binary'; operator: BinaryOperator; left: ExpressionNode; right: ExpressionNode }
  | { kind: 'and'; left: ExpressionNode; right: ExpressionNode }
  | { kind: 'or'; left: ExpressionNode; right: ExpressionNode }
  | { kind: 'conditional'; condition: ExpressionNode; whenTrue: ExpressionNode; whenFalse: ExpressionNode }
  | { kind: 'call'; name: string; style: 'function' | 'method'; args: ExpressionNode[] }
  | MacroNode;

/** `map(x, where, result)` has both parts, `map(x, result)` and the other macros only theirs. */
export interface MacroNode {
  kind: 'macro';
  macro: MacroName;
  over: ExpressionNode;
  element: string;
  slot: number;
  where?: ExpressionNode;
  result?: ExpressionNode;
}

/** The nodes directly below `node`, left to right. */
export function childrenOf(node: ExpressionNode): ExpressionNode[] {
  switch (node.kind) {
    case 'literal':
    case 'variable':
    case 'element':
    case 'type':
      return [];
    case 'field':
    case 'has':
    case 'not':
    case 'negate':
      return [node.of];
    case 'index':
      return [node.of, node.by];
    case 'list':
      return node.items;
    case 'map':
      return node.entries.flatMap(({ key, value }) => [key, value]);
    case 'binary':
    case 'and':
    case 'or':
      return [node.left, node.right];
    case 'conditional':
      return [node.condition, node.whenTrue, node.whenFalse];
    case 'call':
      return node.args;
    case 'macro':
      return [node.over, node.where, node.result].filter((part) => part !== undefined);
    default:
      return assertNever(node);
  }
}

/** How many nodes the tree has. */
export function countNodes(node: ExpressionNode): number {
  return childrenOf(node).reduce((count, child) => count + countNodes(child), 1);
}
