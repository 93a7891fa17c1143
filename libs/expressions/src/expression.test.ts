import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonValue } from '@perdure/domain';
import { compileExpression, type Expression } from './compile-expression.ts';
import { evaluateBoolean, evaluateKey, evaluateNumber } from './evaluate-expression.ts';

const now = Date.UTC(2026, 0, 15, 12, 0, 0);
const event = {
  id: 'e1',
  name: 'test/matrix',
  ts: now,
  data: {
    s: 'abc',
    n: 10,
    b: true,
    arr: ['x', 'y'],
    o: { p: 1 },
    z: null,
    num10: '10',
    empty: '',
    'dot.key': 'dotted',
    iso: '2026-01-15T11:30:00Z',
    b64: 'aMOpbGxv',
    json: '{"a":{"b":2}}',
    emoji: 'h🙂é',
    items: [
      { id: 1, tag: 'a' },
      { id: 2, tag: 'b' },
      { id: 3, tag: 'a' },
    ],
  },
};

function compile(text: string, variables = ['event']): Expression {
  const compiled = compileExpression(text, { variables });
  if (!compiled.ok) throw new Error(`${text}: ${compiled.message}`);
  return compiled.expression;
}

function kindOf(text: string): string {
  return evaluateBoolean(compile(text), { event }, { now }).kind;
}

function messageOf(text: string): string | undefined {
  const compiled = compileExpression(text, { variables: ['event'] });
  return compiled.ok ? undefined : compiled.message;
}

describe('[E139] rows of the matrix that trigger', () => {
  test.each([
    'event.data.missing == null',
    'null == null',
    'event.data.z == null',
    'event.data.o.q.r == null',
    'event.data.s.foo == null',
    'event.data.missing != "x"',
    'event.data.missing < 5',
    'event.data.missing <= 5',
    '5 > event.data.missing',
    'null < 5',
    'null < "a"',
    'event.data.n == 10',
    'event.data.n == 10.0',
    'event.data.n > 9',
    'event.data.n > 9.5',
    '-event.data.n == -10',
    'event.data.n in [1, 10]',
    'event.data.s != 10',
    'event.data.num10 == "10"',
    'event.data.missing + "x" == "x"',
    '"x" + event.data.missing == "x"',
    '"str" + 10 == "str10"',
    '"str" + event.data.n == "str10"',
    'int(event.data.n) % 2 == 0',
    'string(event.data.n) == "10"',
    'int("10") == 10',
    '("" || "abc") == "abc"',
    'event.data.missing || true',
    'event.data.missing ? false : true',
    '"s" ? true : false',
    'event.data.arr[0] == "x"',
    '"x" in event.data.arr',
    '"p" in event.data.o',
    'event.data.arr == ["x", "y"]',
    'event.data.o == {"p": 1}',
    'size(event.data.missing) == 0',
    'size(event.data.s) == 3',
    'event.data.s.size() == 3',
    'event.data["dot.key"] == "dotted"',
    'event.data["s"] == "abc"',
    'event.data.arr.exists(x, x == "y")',
    'event.data.arr.all(x, x != "z")',
    'event.data.arr.filter(x, x == "y") == ["y"]',
    'event.data.arr.map(x, x + "!") == ["x!", "y!"]',
    'event.data.arr.exists_one(x, x == "x")',
    'event.data.emoji == "h🙂é"',
    'size(event.data.emoji) == 3',
  ])('%s', (text) => {
    expect(kindOf(text)).toBe('true');
  });
});

describe('[E139] rows of the matrix that do not trigger', () => {
  test.each([
    'event.data.missing == "x"',
    'null == 0',
    'null == ""',
    'event.data.missing > 5',
    'event.data.missing && true',
    'event.data.n == "10"',
    'event.data.n > "9"',
    'event.data.num10 == 10',
    'event.data.num10 > 9',
    'event.data.missing.contains("x")',
    'event.data.arr[5] == "x"',
    'has(event.data.missing)',
    'has(event.data.missing.p)',
    'event.data.dot.key == "dotted"',
  ])('%s', (text) => {
    expect(kindOf(text)).toBe('false');
  });

  test.each(['date("garbage") < now()', 'date("garbage")', 'int("x") == 1', 'lowercase(event.data.n) == "10"'])(
    '%s is an error',
    (text) => {
      expect(kindOf(text)).toBe('error');
    },
  );
});

describe('[E140] repaired operators', () => {
  test.each([
    'event.data.n + 5 == 15',
    'event.data.n - 1 == 9',
    'event.data.n * 2 == 20',
    'event.data.n / 4 == 2.5',
    'event.data.n % 2 == 0',
    '7 / 2 == 3',
    '!event.data.missing',
    '!event.data.z',
    '!event.data.missing.contains("x")',
    '!(event.data.missing && event.data.b)',
  ])('%s', (text) => {
    expect(kindOf(text)).toBe('true');
  });
});

test('[E141] a comparison of two missing values holds in either direction', () => {
  const texts = ['event.data.x == async.data.x', 'async.data.x == event.data.x'];

  const results = texts.map((text) =>
    evaluateBoolean(compile(text, ['event', 'async']), { event, async: { data: {} } }, { now }),
  );

  expect(results).toEqual([{ kind: 'true' }, { kind: 'true' }]);
});

describe('[E142] dates', () => {
  test.each([
    'date(event.ts) > date("2020-01-01")',
    'date(int(event.ts)) > date("2020-01-01")',
    'now_minus("1h") < date(event.data.iso)',
    'now_plus("1d") == date("2026-01-16T12:00:00Z")',
    'now() == date(event.ts)',
    'date(event.ts) - date(event.data.iso) == duration("30m")',
    'date(1768478400) == now()',
    'date(1768478400000) == now()',
    'date(1768478400000000000) == now()',
    'date(event.ts).getFullYear() == 2026',
    'date(event.ts).getHours("+02:30") == 14',
    'date(event.ts).getHours("America/New_York") == 7',
    'date(event.ts).getDayOfWeek() == 4',
    'string(date(event.ts)) == "2026-01-15T12:00:00Z"',
    'event.data.missing.getHours() == false',
  ])('%s', (text) => {
    expect(kindOf(text)).toBe('true');
  });
});

describe('[E143] a result that is no boolean does not trigger', () => {
  test.each(['event.data.s', 'event.data.n', '"true"', 'event.data.arr', 'event.data.missing', 'now()'])(
    '%s',
    (text) => {
      expect(kindOf(text)).toBe('false');
    },
  );
});

describe('[E144] what does not compile', () => {
  test.each([
    ['evnt.data.x == 1', /unknown variable 'evnt'; there are: event, vars/],
    ['async.data.x == 1', /unknown variable 'async'/],
    ['nope(event.data.x)', /unknown function 'nope'/],
    ['event.data.x.nope()', /unknown function 'nope'/],
    ['contains(event.data.s, "a")', /called as x\.contains\(\)/],
    ['event.data.s.lowercase()', /called as lowercase\(x\)/],
    ['lowercase()', /wrong number of arguments/],
    ['event.data.x ==', /invalid syntax at character 16/],
    ['', /empty/],
    ['event.data.arr.exists(1, true)', /invalid/],
    ['has(event)', /has\(\) expects one field/],
    ['9223372036854775808 > 1', /64 bits/],
    ['event.data.s.matches("(")', /regular expression is invalid/],
    ['event.data.s.matches("(a)\\\\1")', /regular expression is invalid/],
    ['b"bytes" == event.data.s', /byte strings/],
    ['event.data.?x', /invalid syntax/],
    ['constructor.name', /unknown variable/],
    ['toString()', /unknown function/],
  ])('%s', (text, message) => {
    expect(messageOf(text)).toMatch(message);
  });
});

describe('functions', () => {
  test.each([
    'lowercase("ABC") == "abc" && uppercase(event.data.s) == "ABC"',
    'b64decode(event.data.b64) == "héllo"',
    'json_parse(event.data.json).a.b == 2',
    'event.data.s.matches("^a.c$") && matches(event.data.s, "b")',
    'event.data.s.startsWith("a") && event.data.s.endsWith("c") && event.data.s.contains("b")',
    'type(event.data.n) == double && type(1) == int && type(event.data.missing) == null_type',
    'double("1.5") == 1.5 && bool("true") && int(2.9) == 2',
    'event.data.items.filter(i, i.tag == "a").map(i, i.id) == [1, 3]',
    'event.data.items.map(i, i.tag == "a", i.id * 10) == [10, 30]',
    'event.data.items.exists(i, event.data.items.exists(j, j.id == i.id + 1))',
    'event.data.o.all(key, key == "p")',
    'event.data.missing.map(x, x).size() == 0',
    '{1: "one", 10: "ten"}[event.data.n] == "ten"',
    'vars.anything == null',
    '"\u{1F642}" > "\uFFFD"',
    'date("Thu, 15 Jan 2026 12:00:00 GMT") == now()',
    '-9223372036854775808 < 0',
  ])('%s', (text) => {
    expect(kindOf(text)).toBe('true');
  });

  test.each([
    'json_parse("[1]") == null',
    'b64decode("!!") == ""',
    '1 / 0 == 1',
    '9223372036854775807 + 1 > 0',
    'event.data.s - 1 == 0',
    '"a" in event.data.s',
    'event.data.n.exists(x, true)',
  ])('%s is an error', (text) => {
    expect(kindOf(text)).toBe('error');
  });

  test('an error counts as falsy for ||, && and ?:', () => {
    expect(kindOf('date("garbage") < now() || event.data.b')).toBe('true');
    expect(kindOf('int("x") == 1 && true')).toBe('false');
    expect(kindOf('int("x") == 1 ? false : true')).toBe('true');
  });

  test('keys of the prototype are missing', () => {
    expect(kindOf('event.data.constructor == null && event.data["__proto__"] == null')).toBe('true');
    expect(kindOf('"toString" in event.data.o')).toBe('false');
  });
});

describe('keys', () => {
  test.each([
    ['event.data.s', { kind: 'key', key: 'abc' }],
    ['event.data.n', { kind: 'key', key: '10' }],
    ['10', { kind: 'key', key: '10' }],
    ['event.data.n / 4', { kind: 'key', key: '2.5' }],
    ['event.data.b', { kind: 'key', key: 'true' }],
    ['!event.data.b', { kind: 'false' }],
    ['event.data.z', { kind: 'missing' }],
    ['event.data.missing', { kind: 'missing' }],
    ['event.data.missing || event.data.s', { kind: 'key', key: 'abc' }],
    ['event.data.arr', { kind: 'key', key: '["x","y"]' }],
    ['{"b": 1, "a": [null, 1.5, "x"]}', { kind: 'key', key: '{"a":[null,1.5,"x"],"b":1}' }],
    ['event.data.s + "-" + event.data.n', { kind: 'key', key: 'abc-10' }],
    ['date("2026-01-15")', { kind: 'key', key: '2026-01-15T00:00:00Z' }],
    ['int("x")', { kind: 'error', message: 'int() does not work on this string' }],
  ])('[P] %s', (text, expected) => {
    expect(evaluateKey(compile(text), { event }, { now })).toEqual(expected);
  });
});

describe('numbers', () => {
  test.each([
    ['event.data.b ? 120 : 0', { kind: 'number', value: 120 }],
    ['event.data.n', { kind: 'number', value: 10 }],
    ['event.data.n / 4', { kind: 'number', value: 2 }],
    ['-event.data.n / 4', { kind: 'number', value: -2 }],
    ['event.data.s', { kind: 'error', message: 'expected a number, found string' }],
    ['event.data.n / 0', { kind: 'error', message: 'expected a number, found double' }],
  ])('%s', (text, expected) => {
    expect(evaluateNumber(compile(text), { event }, { now })).toEqual(expected);
  });
});

describe('limits', () => {
  test('a text above 8 KiB does not compile', () => {
    expect(messageOf(`event.data.s == "${'é'.repeat(5000)}"`)).toMatch(/8192 bytes/);
  });

  test('a tree above 500 nodes does not compile', () => {
    expect(messageOf(Array.from({ length: 300 }, () => '1').join('+'))).toMatch(/maxAstNodes \(500\)/);
  });

  test('deep nesting does not compile', () => {
    expect(messageOf(`${'('.repeat(3000)}true${')'.repeat(3000)}`)).toMatch(/maxDepth/);
    expect(messageOf(`${'!'.repeat(8000)}true`)).toMatch(/maxAstNodes|nested too deeply/);
  });

  test('loops inside loops over a large list end with an error', () => {
    const items = Array.from({ length: 1000 }, (_, index) => index);
    const text = 'event.data.items.all(a, event.data.items.all(b, a + b >= 0)) || true';

    const result = evaluateBoolean(compile(text), { event: { data: { items } } }, { now });

    expect(result).toEqual({ kind: 'error', message: 'the evaluation costs more than 100000 units' });
  });

  test('a regular expression that backtracking engines take forever for ends at once', () => {
    const text = 'event.data.long.matches("^(a+)+$")';

    const result = evaluateBoolean(compile(text), { event: { data: { long: `${'a'.repeat(5000)}!` } } }, { now });

    expect(result).toEqual({ kind: 'false' });
  });

  test('a large regular expression over a long text costs too much', () => {
    const large = { data: { long: 'a'.repeat(100_000) } };

    const result = evaluateBoolean(compile('event.data.long.matches("(a?b?){200}c")'), { event: large }, { now });

    expect(result.kind).toBe('error');
  });

  test('a value nested without end is not walked', () => {
    const deep: JsonValue = JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`);

    const result = evaluateBoolean(
      compile('event.data.a == event.data.b'),
      { event: { data: { a: deep, b: deep } } },
      { now },
    );

    expect(result).toEqual({ kind: 'error', message: 'a value is nested deeper than 200 levels' });
  });
});

test('only expressions that call for the time are volatile', () => {
  expect(compile('event.data.items.exists(x, date(x) < now())').isVolatile).toBe(true);
  expect(compile('date(event.ts) > date("2020-01-01")').isVolatile).toBe(false);
});

test('the same text over the same variables is compiled once', () => {
  expect(compile('event.data.s == "once"')).toBe(compile('event.data.s == "once"'));
  expect(compile('event.data.s == "once"', ['event', 'async'])).not.toBe(compile('event.data.s == "once"'));
});

test('no text and no event make it throw', () => {
  const pieces =
    'event.data.x event 1 2.5 "a" null int( date( size( has( json_parse( .map(x, .exists(x, .matches( .getHours( .contains( ' +
    ') ) ) ( [ ] { } : ? , ! - + == < in && || % * / \\ " x \u{1F642}';
  const text = fc.array(fc.constantFrom(...pieces.split(' ')), { maxLength: 12 }).map((parts) => parts.join(' '));
  const kindOrMessage = (given: string, x: JsonValue): string => {
    const compiled = compileExpression(given, { variables: ['event'] });
    if (!compiled.ok) return compiled.message;
    return evaluateBoolean(compiled.expression, { event: { data: { x } } }, { now }).kind;
  };

  fc.assert(
    fc.property(text, fc.jsonValue(), (given, x) => {
      expect(kindOrMessage(given, x as JsonValue)).not.toBe('');
    }),
    { numRuns: 5000 },
  );
});
