import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CueError, parseCue } from './parse-cue.ts';

/** Structs have no prototype; what they hold is what counts. */
function parsed(text: string): unknown {
  return JSON.parse(JSON.stringify(parseCue(text)));
}

function outcome(text: string): string {
  try {
    return typeof parseCue(text) === 'object' ? 'struct' : 'something else';
  } catch (error) {
    return error instanceof CueError ? `refused in line ${error.line}` : String(error);
  }
}

describe('what is JSON written comfortably', () => {
  test.each<[string, string, unknown]>([
    ['no outer braces, no commas, no quotes', 'host: "a"\nport: 8288\n', { host: 'a', port: 8288 }],
    ['comments', '// all\nport: 1 // one\n// end', { port: 1 }],
    ['commas, also the last one', 'a: 1, b: [1, 2,], c: {d: true,}', { a: 1, b: [1, 2], c: { d: true } }],
    ['lists over lines', 'a: [\n  "x"\n  "y",\n  // none\n]', { a: ['x', 'y'] }],
    ['a package', '// ours\npackage perdure\n\nport: 1', { port: 1 }],
    [
      'nested keys in one line',
      'redis: uri: "r"\nredis: "wait-replicas": 1',
      {
        redis: { uri: 'r', 'wait-replicas': 1 },
      },
    ],
    ['equal values twice', 'a: 1\na: 1', { a: 1 }],
    ['outer braces', '\n{ "a": null, b: -1.5e3 }\n', { a: null, b: -1500 }],
    ['an address in a text, which holds no comment', 'url: "http://a/b"', { url: 'http://a/b' }],
    [
      'a key that objects have from birth',
      '"__proto__": 1, constructor: 2',
      JSON.parse('{"__proto__":1,"constructor":2}'),
    ],
    ['nothing', '// nothing yet\n', {}],
  ])('%s', (_title, text, value) => {
    expect(parsed(text)).toEqual(value);
  });

  test('every JSON struct', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(parsed(text)).toEqual(JSON.parse(text));
      }),
    );
  });
});

describe('what is refused, with its line', () => {
  test.each<[string, RegExp, number]>([
    ['a: 1\nb: host', /a value is expected/, 2],
    ['a: >5', /a value is expected/, 1],
    ['a: "x" | "y"', /a comma or a new line/, 1],
    ['a: 1 b: 2', /a comma or a new line/, 1],
    ['a: 1\n\na: 2', /two different values/, 3],
    ['no-poll: true', /hyphen must be in quotes/, 1],
    ['a: "\\(b)"', /not supported, \$\{NAME\} is/, 1],
    ['a: """\n  b\n  """', /several lines/, 1],
    ['a: "b', /no end/, 1],
    ['a: {\nb: 1', /closing bracket/, 2],
    ['a: {\nb: 1\n', /closing bracket/, 3],
    ['a: [1', /closing bracket/, 1],
    ['a: 1 }', /a comma or a new line/, 1],
    ['}', /a key is expected/, 1],
    ['a', /a colon is expected/, 1],
    ['a: 0x10', /a value is expected/, 1],
    ['{a: 1} b', /after the end/, 1],
    [`a: ${'['.repeat(100)}`, /nested too deeply/, 1],
    ['a: '.repeat(100), /nested too deeply/, 1],
  ])('%j', (text, message, line) => {
    expect(() => parseCue(text)).toThrow(expect.objectContaining({ message: expect.stringMatching(message), line }));
  });

  test('whatever it is given, it answers or refuses', () => {
    const pieces = fc.array(fc.constantFrom('a', ':', '{', '}', '[', ']', '"', ',', '\n', '1', ' ', '//', '\\', '-'));
    fc.assert(
      fc.property(pieces, (given) => {
        expect(outcome(given.join(''))).toMatch(/^(struct|refused in line \d+)$/);
      }),
    );
  });
});
