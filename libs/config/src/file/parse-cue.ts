/** Structs inside structs; deeper ones are a mistake, and would exhaust the stack. */
const DEPTH_MAX = 64;
const IDENTIFIER = /[A-Za-z_$][\w$]*/y;
const NUMBER = /[+-]?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])/y;
/** JSON's strings, whose escapes are among those of CUE. */
const STRING = /"(?:[^"\\\n]|\\.)*"/y;
const SPACE = /(?:[ \t\r]|\/\/[^\n]*)*/y;
const PACKAGE = /package[ \t]+[A-Za-z_]\w*/y;
const WORDS: Readonly<Record<string, unknown>> = { true: true, false: false, null: null };

/** What is wrong and in which line, without quoting the text. */
export class CueError extends Error {
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

type Struct = Record<string, unknown>;

/**
 * The subset of CUE that is JSON written comfortably: comments, keys without quotes, no commas at line ends, no outer
 * braces, `a: b: 1` for nested structs. A key may stand twice when both values are structs or equal, as CUE unifies them.
 * Everything that has to be evaluated (references, constraints, defaults, interpolation) is refused.
 */
export function parseCue(text: string): unknown {
  return new CueParser(text).parse();
}

class CueParser {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  parse(): unknown {
    this.skipLines();
    if (this.take(PACKAGE) !== undefined) this.skipSeparators();
    const value = this.text[this.at] === '{' ? this.parseValue(0) : this.parseFields('', 0);
    this.skipLines();
    if (this.at < this.text.length) throw this.error('something stands after the end');
    return value;
  }

  private parseValue(depth: number): unknown {
    if (depth > DEPTH_MAX) throw this.error('values are nested too deeply');
    const next = this.text[this.at];
    if (next === '{' || next === '[') {
      this.at += 1;
      return next === '{' ? this.parseFields('}', depth) : this.parseList(depth);
    }
    if (next === '"') return this.parseString();
    const number = this.take(NUMBER);
    if (number !== undefined) return Number(number);
    const start = this.at;
    const word = this.take(IDENTIFIER);
    if (word !== undefined && Object.hasOwn(WORDS, word)) return WORDS[word];
    this.at = start;
    throw this.error('a value is expected: text in quotes, a number, true, false, null, a list or a struct');
  }

  /** Up to and with `end`; an empty one is the end of the text. */
  private parseFields(end: string, depth: number): Struct {
    const struct: Struct = Object.create(null);
    for (this.skipLines(); !this.isAt(end); this.skipSeparators(end)) this.parseField(struct, depth);
    this.at += end.length;
    return struct;
  }

  private parseField(struct: Struct, depth: number): void {
    const key = this.parseKey();
    const value = this.isAtKey() ? this.parseNested(depth + 1) : this.parseValue(depth + 1);
    struct[key] = Object.hasOwn(struct, key) ? this.unify(struct[key], value) : value;
  }

  /** `b: 1` of `a: b: 1`. */
  private parseNested(depth: number): Struct {
    if (depth > DEPTH_MAX) throw this.error('values are nested too deeply');
    const struct: Struct = Object.create(null);
    this.parseField(struct, depth);
    return struct;
  }

  private parseKey(): string {
    const key = this.text[this.at] === '"' ? this.parseString() : this.take(IDENTIFIER);
    if (key === undefined) throw this.error(this.isAt('') ? 'a closing bracket is missing' : 'a key is expected');
    this.skipSpace();
    if (this.text[this.at] === '-') throw this.error('a key with a hyphen must be in quotes');
    if (this.text[this.at] !== ':') throw this.error('a colon is expected after a key');
    this.at += 1;
    this.skipSpace();
    return key;
  }

  private isAtKey(): boolean {
    const start = this.at;
    const label = this.take(STRING) ?? this.take(IDENTIFIER);
    this.skipSpace();
    const isKey = label !== undefined && this.text[this.at] === ':';
    this.at = start;
    return isKey;
  }

  private parseList(depth: number): unknown[] {
    const items: unknown[] = [];
    for (this.skipLines(); !this.isAt(']'); this.skipSeparators(']')) items.push(this.parseValue(depth + 1));
    this.at += 1;
    return items;
  }

  private parseString(): string {
    if (this.text.startsWith('"""', this.at)) throw this.error('text of several lines is not supported');
    const quoted = this.take(STRING);
    if (quoted === undefined) throw this.error('a text has no end');
    if (/(?<!\\)(?:\\\\)*\\\(/.test(quoted)) throw this.error('\\(...) is not supported, ${NAME} is');
    try {
      return JSON.parse(quoted) as string;
    } catch {
      throw this.error('a text holds an escape that is not one of JSON');
    }
  }

  private unify(first: unknown, second: unknown): unknown {
    if (isStruct(first) && isStruct(second)) {
      for (const [key, value] of Object.entries(second)) {
        first[key] = Object.hasOwn(first, key) ? this.unify(first[key], value) : value;
      }
      return first;
    }
    if (JSON.stringify(first) === JSON.stringify(second)) return first;
    throw this.error('a key has two different values');
  }

  /** Between two fields or items stands a comma, a line end, or the end of what holds them. */
  private skipSeparators(end = ''): void {
    this.skipSpace();
    if (this.isAt(end)) return;
    const next = this.text[this.at];
    if (next === undefined) throw this.error('a closing bracket is missing');
    if (next !== ',' && next !== '\n') throw this.error('a comma or a new line is expected');
    this.at += 1;
    this.skipLines();
  }

  private isAt(end: string): boolean {
    return end === '' ? this.at >= this.text.length : this.text[this.at] === end;
  }

  private skipSpace(): void {
    this.take(SPACE);
  }

  private skipLines(): void {
    for (this.skipSpace(); this.text[this.at] === '\n'; this.skipSpace()) this.at += 1;
  }

  /** What the pattern matches here, skipped; undefined when it does not match. */
  private take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const [found] = pattern.exec(this.text) ?? [];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  private error(message: string): CueError {
    return new CueError(message, this.text.slice(0, this.at).split('\n').length);
  }
}

function isStruct(value: unknown): value is Struct {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
