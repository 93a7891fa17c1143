import { type ASTNode, Environment, ParseError } from '@marcbachmann/cel-js';
import { UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import type { BinaryOperator, ExpressionNode, MacroName, MacroNode } from './expression-node.ts';
import { FUNCTIONS } from './functions.ts';
import { EXPRESSION_BYTES_MAX, EXPRESSION_NODES_MAX } from './meter.ts';
import { compilePattern } from './regular-expression.ts';
import { Failure, INT_MAX } from './value.ts';

export type ParsedExpression = { ok: true; root: ExpressionNode } | { ok: false; message: string };

/**
 * How large a text may be. Only the parser of the library is used: evaluation is ours, because the dialect differs from CEL
 * in most operators.
 */
export interface TextLimits {
  bytesMax: number;
  parser: Environment;
}

const DEPTH_MAX = 100;

/** Of what people write. */
export const AUTHOR_LIMITS: TextLimits = {
  bytesMax: EXPRESSION_BYTES_MAX,
  parser: new Environment({ limits: { maxAstNodes: EXPRESSION_NODES_MAX, maxDepth: DEPTH_MAX } }),
};

/** Of what an interpolation makes of it: each node may have become a text of a few hundred characters. */
export const RESIDUAL_LIMITS: TextLimits = {
  bytesMax: 64 * EXPRESSION_BYTES_MAX,
  parser: new Environment({ limits: { maxAstNodes: 4 * EXPRESSION_NODES_MAX, maxDepth: 4 * DEPTH_MAX } }),
};

const MACROS: readonly { macro: MacroName; arity: number }[] = [
  { macro: 'exists', arity: 2 },
  { macro: 'exists_one', arity: 2 },
  { macro: 'all', arity: 2 },
  { macro: 'filter', arity: 2 },
  { macro: 'map', arity: 2 },
  { macro: 'map', arity: 3 },
];
const TYPE_NAMES = new Set([
  'null_type',
  'bool',
  'int',
  'double',
  'string',
  'list',
  'map',
  'timestamp',
  'duration',
  'type',
]);

/** Known to every expression, and empty but for what an interpolation has put there. */
export const BOUND_VALUES = 'vars';

/** The expression cannot be accepted; the message is for its author. */
class Unacceptable extends Error {}

/**
 * Reads a text into our syntax tree. Unknown variables and functions, wrong numbers of arguments, invalid literal
 * regular expressions and anything above the limits of execution.md 6.4 are errors here, not at evaluation.
 */
export function parseExpression(text: string, variables: readonly string[], limits: TextLimits): ParsedExpression {
  const bytes = Buffer.byteLength(text);
  if (bytes > limits.bytesMax) {
    return { ok: false, message: `an expression may have ${limits.bytesMax} bytes, this one has ${bytes}` };
  }
  if (text.trim() === '') return { ok: false, message: 'the expression is empty' };
  try {
    const root = new Translation(variables).translate(limits.parser.parse(text).ast, []);
    return { ok: true, root };
  } catch (error) {
    if (error instanceof Unacceptable) return { ok: false, message: error.message };
    if (error instanceof ParseError) return { ok: false, message: describeParseError(error) };
    if (error instanceof RangeError) return { ok: false, message: 'the expression is nested too deeply' };
    throw error;
  }
}

function describeParseError(error: ParseError): string {
  const at = error.range === undefined ? '' : ` at character ${error.range.start + 1}`;
  return `invalid syntax${at}: ${error.summary}`;
}

/** From the parser's tree to ours; `elements` are the variables of the macros around a node, outermost first. */
class Translation {
  readonly #variables: readonly string[];

  constructor(variables: readonly string[]) {
    this.#variables = variables;
  }

  translate(node: ASTNode, elements: readonly string[]): ExpressionNode {
    const into = (child: ASTNode) => this.translate(child, elements);
    switch (node.op) {
      case 'value':
        return literalOf(node.args);
      case 'id':
        return this.#identifier(node.args, elements);
      case '.':
        return { kind: 'field', of: into(node.args[0]), key: node.args[1] };
      case '[]':
        return indexOf(into(node.args[0]), into(node.args[1]));
      case 'list':
        return { kind: 'list', items: node.args.map(into) };
      case 'map':
        return { kind: 'map', entries: node.args.map(([key, value]) => ({ key: into(key), value: into(value) })) };
      case '!_':
        return { kind: 'not', of: into(node.args) };
      case '-_':
        return this.#negation(node.args, elements);
      case '&&':
        return { kind: 'and', left: into(node.args[0]), right: into(node.args[1]) };
      case '||':
        return { kind: 'or', left: into(node.args[0]), right: into(node.args[1]) };
      case '?:': {
        const [condition, whenTrue, whenFalse] = node.args;
        return {
          kind: 'conditional',
          condition: into(condition),
          whenTrue: into(whenTrue),
          whenFalse: into(whenFalse),
        };
      }
      case 'call':
        return this.#call(node.args[0], node.args[1], elements);
      case 'rcall':
        return this.#methodCall(node.args[0], node.args[1], node.args[2], elements);
      case '.?':
      case '[?]':
        throw new Unacceptable('optional access with ? is not part of the language');
      default:
        return binary(node.op, into(node.args[0]), into(node.args[1]));
    }
  }

  #identifier(name: string, elements: readonly string[]): ExpressionNode {
    const slot = elements.lastIndexOf(name);
    if (slot !== -1) return { kind: 'element', name, slot };
    if (this.#variables.includes(name)) return { kind: 'variable', name };
    if (TYPE_NAMES.has(name)) return { kind: 'type', name };
    throw new Unacceptable(`unknown variable '${name}'; there are: ${this.#variables.join(', ')}`);
  }

  /** A minus before a number belongs to the literal: the smallest int exists only with it. */
  #negation(operand: ASTNode, elements: readonly string[]): ExpressionNode {
    if (operand.op === 'value' && (typeof operand.args === 'bigint' || typeof operand.args === 'number')) {
      return literalOf(-operand.args);
    }
    return { kind: 'negate', of: this.translate(operand, elements) };
  }

  #call(name: string, args: readonly ASTNode[], elements: readonly string[]): ExpressionNode {
    const translated = args.map((arg) => this.translate(arg, elements));
    if (name === 'has') return hasOf(translated);
    checkCall(name, 'function', translated);
    return { kind: 'call', name, style: 'function', args: translated };
  }

  #methodCall(name: string, of: ASTNode, args: readonly ASTNode[], elements: readonly string[]): ExpressionNode {
    const over = this.translate(of, elements);
    const rule = MACROS.find(({ macro, arity }) => macro === name && arity === args.length);
    if (rule !== undefined) return this.#macro(rule.macro, over, args, elements);
    const translated = [over, ...args.map((arg) => this.translate(arg, elements))];
    checkCall(name, 'method', translated);
    return { kind: 'call', name, style: 'method', args: translated };
  }

  #macro(macro: MacroName, over: ExpressionNode, args: readonly ASTNode[], elements: readonly string[]): MacroNode {
    const [variable, ...parts] = args;
    if (variable?.op !== 'id') throw new Unacceptable(`the first argument of ${macro}() must be a variable's name`);
    const element = variable.args;
    if (element === BOUND_VALUES || TYPE_NAMES.has(element)) throw new Unacceptable(`the name '${element}' is taken`);
    const [first, second] = parts.map((part) => this.translate(part, [...elements, element]));
    const node: MacroNode = { kind: 'macro', macro, over, element, slot: elements.length };
    if (first !== undefined && (macro !== 'map' || second !== undefined)) node.where = first;
    const result = second ?? (macro === 'map' ? first : undefined);
    if (result !== undefined) node.result = result;
    return node;
  }
}

function literalOf(value: unknown): ExpressionNode {
  const plain = value instanceof UnsignedInt ? value.valueOf() : value;
  if (typeof plain === 'bigint' && (plain > INT_MAX || plain < -INT_MAX - 1n)) {
    throw new Unacceptable(`the integer ${plain} does not fit in 64 bits`);
  }
  switch (typeof plain) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      return { kind: 'literal', value: plain };
    default:
      if (plain === null) return { kind: 'literal', value: null };
      throw new Unacceptable('byte strings are not part of the language');
  }
}

function indexOf(of: ExpressionNode, by: ExpressionNode): ExpressionNode {
  if (by.kind === 'literal' && typeof by.value === 'string') return { kind: 'field', of, key: by.value };
  return { kind: 'index', of, by };
}

function binary(operator: BinaryOperator, left: ExpressionNode, right: ExpressionNode): ExpressionNode {
  return { kind: 'binary', operator, left, right };
}

function hasOf(args: readonly ExpressionNode[]): ExpressionNode {
  const [of] = args;
  if (args.length !== 1 || (of?.kind !== 'field' && of?.kind !== 'index')) {
    throw new Unacceptable('has() expects one field, as in has(event.data.name)');
  }
  return { kind: 'has', of };
}

function checkCall(name: string, style: 'function' | 'method', args: readonly ExpressionNode[]): void {
  const rule = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (rule === undefined) throw new Unacceptable(`unknown function '${name}'`);
  if (rule.style !== 'either' && rule.style !== style) {
    throw new Unacceptable(`'${name}' is called as ${rule.style === 'method' ? `x.${name}()` : `${name}(x)`}`);
  }
  if (!rule.arities.includes(args.length)) throw new Unacceptable(`'${name}' has the wrong number of arguments`);
  const pattern = args[1];
  if (name !== 'matches' || pattern?.kind !== 'literal' || typeof pattern.value !== 'string') return;
  const compiled = compilePattern(pattern.value);
  if (compiled instanceof Failure) throw new Unacceptable(compiled.message);
}
