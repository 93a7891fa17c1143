import { BoundedCache } from './bounded-cache.ts';
import { compileNode, type Evaluate } from './compile-node.ts';
import { childrenOf, type ExpressionNode } from './expression-node.ts';
import { FUNCTIONS } from './functions.ts';
import { AUTHOR_LIMITS, BOUND_VALUES, parseExpression, type TextLimits } from './parse-expression.ts';

/** An expression that has been checked and is ready to be evaluated any number of times. */
export interface Expression {
  readonly text: string;
  readonly variables: readonly string[];
  readonly root: ExpressionNode;
  /** Depends on the time of evaluation: calls `now`, `now_plus` or `now_minus`. */
  readonly isVolatile: boolean;
  readonly evaluate: Evaluate;
}

export type CompiledExpression = { ok: true; expression: Expression } | { ok: false; message: string };

/** Expressions kept compiled: those of all active functions and of the waits looked at last. */
const EXPRESSIONS_KEPT = 4096;
const compiled = new BoundedCache<CompiledExpression>(EXPRESSIONS_KEPT);

/**
 * Checks and compiles `text` over the given variables (and `vars`). The message of a refusal is for the expression's
 * author: syntax, an unknown variable or function, a limit of execution.md 6.4. Repeats are answered from a cache.
 */
export function compileExpression(text: string, { variables }: { variables: readonly string[] }): CompiledExpression {
  return compileWith(text, variables, AUTHOR_LIMITS);
}

/** The same under other limits. */
export function compileWith(text: string, variables: readonly string[], limits: TextLimits): CompiledExpression {
  const key = `${limits.bytesMax}:${variables.join(',')}:${text}`;
  return compiled.getOrCreate(key, () => compileAnew(text, variables, limits));
}

function compileAnew(text: string, variables: readonly string[], limits: TextLimits): CompiledExpression {
  const parsed = parseExpression(text, [...variables, BOUND_VALUES], limits);
  if (!parsed.ok) return parsed;
  const { root } = parsed;
  const expression: Expression = { text, variables, root, isVolatile: isVolatile(root), evaluate: compileNode(root) };
  return { ok: true, expression };
}

/** Whether the value of the node depends on the time of its evaluation. */
export function isVolatile(node: ExpressionNode): boolean {
  return (node.kind === 'call' && FUNCTIONS[node.name]?.isVolatile === true) || childrenOf(node).some(isVolatile);
}
