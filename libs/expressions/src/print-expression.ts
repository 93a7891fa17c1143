import { assertNever } from '@perdure/domain';
import type { ExpressionNode, Literal, MacroNode } from './expression-node.ts';

const NAME = /^[A-Za-z_]\w*$/;
const KEYWORDS = new Set(['in', 'true', 'false', 'null']);

/** A text that reads back as the same tree; operands stand in brackets rather than by precedence. */
export function printExpression(node: ExpressionNode): string {
  switch (node.kind) {
    case 'literal':
      return printLiteral(node.value);
    case 'variable':
    case 'element':
    case 'type':
      return node.name;
    case 'field':
      return `${printOperand(node.of)}${NAME.test(node.key) && !KEYWORDS.has(node.key) ? `.${node.key}` : `[${printText(node.key)}]`}`;
    case 'index':
      return `${printOperand(node.of)}[${printExpression(node.by)}]`;
    case 'has':
      return `has(${printExpression(node.of)})`;
    case 'list':
      return `[${node.items.map(printExpression).join(', ')}]`;
    case 'map':
      return `{${node.entries.map(({ key, value }) => `${printOperand(key)}: ${printExpression(value)}`).join(', ')}}`;
    case 'not':
      return `!${printOperand(node.of)}`;
    case 'negate':
      return `-${printOperand(node.of)}`;
    case 'binary':
      return `${printOperand(node.left)} ${node.operator} ${printOperand(node.right)}`;
    case 'and':
      return `${printOperand(node.left)} && ${printOperand(node.right)}`;
    case 'or':
      return `${printOperand(node.left)} || ${printOperand(node.right)}`;
    case 'conditional':
      return `${printOperand(node.condition)} ? ${printOperand(node.whenTrue)} : ${printOperand(node.whenFalse)}`;
    case 'call':
      return printCall(node.name, node.style, node.args);
    case 'macro':
      return printMacro(node);
    default:
      return assertNever(node);
  }
}

/** Whether `printExpression` gives a literal of this text that reads back; the grammar has no half surrogate pairs. */
export function isPrintable(text: string): boolean {
  return text.isWellFormed();
}

function printOperand(node: ExpressionNode): string {
  switch (node.kind) {
    case 'variable':
    case 'element':
    case 'type':
    case 'field':
    case 'index':
    case 'has':
    case 'list':
    case 'call':
    case 'macro':
      return printExpression(node);
    case 'literal':
      return isNegative(node.value) ? `(${printLiteral(node.value)})` : printLiteral(node.value);
    default:
      return `(${printExpression(node)})`;
  }
}

function printCall(name: string, style: 'function' | 'method', args: readonly ExpressionNode[]): string {
  const [receiver, ...rest] = args;
  if (style === 'function' || receiver === undefined) return `${name}(${args.map(printExpression).join(', ')})`;
  return `${printOperand(receiver)}.${name}(${rest.map(printExpression).join(', ')})`;
}

function printMacro({ macro, over, element, where, result }: MacroNode): string {
  const parts = [where, result].filter((part) => part !== undefined).map(printExpression);
  return `${printOperand(over)}.${macro}(${[element, ...parts].join(', ')})`;
}

function isNegative(value: Literal): boolean {
  return (
    (typeof value === 'number' && (value < 0 || Object.is(value, -0))) || (typeof value === 'bigint' && value < 0n)
  );
}

function printLiteral(value: Literal): string {
  if (typeof value === 'string') return printText(value);
  return typeof value === 'number' ? printDouble(value) : String(value);
}

/** JSON's escapes are a part of those of the grammar. */
function printText(text: string): string {
  return JSON.stringify(text);
}

/** With a point or an exponent, or it would read back as an int. */
function printDouble(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  const digits = String(value);
  return /[.e]/.test(digits) ? digits : `${digits}.0`;
}
