import fc from 'fast-check';
import type { JsonObject, JsonValue } from '@perdure/domain';
import { describe, expect, test } from 'vitest';
import { anchorsOf, hashAt } from './anchors.ts';
import { compileExpression, type Expression } from './compile-expression.ts';
import { evaluateBoolean } from './evaluate-expression.ts';
import { compileResidual, interpolate, type Interpolated, type Residual } from './interpolate.ts';

const now = Date.UTC(2026, 0, 15, 12, 0, 0);
const event: JsonObject = {
  name: 'shop/ordered',
  ts: now,
  data: { id: 'o-1', n: 10, b: true, z: null, arr: ['x', 'y'], o: { p: 1 }, long: 'l'.repeat(5000), odd: '\ud800"\\' },
};

function compile(text: string): Expression {
  const compiled = compileExpression(text, { variables: ['event', 'async'] });
  if (!compiled.ok) throw new Error(`${text}: ${compiled.message}`);
  return compiled.expression;
}

function interpolated(text: string): Residual {
  const result = interpolate(compile(text), event, { now });
  if (result.kind !== 'residual') throw new Error(`no residual: ${JSON.stringify(result)}`);
  return result.residual;
}

/** What becomes of an interpolated expression when `coming` comes. */
function match(result: Interpolated, coming: JsonObject): 'true' | 'false' | 'error' {
  if (result.kind !== 'residual') return result.kind;
  const compiled = compileResidual(result.residual);
  if (!compiled.ok) throw new Error(`${result.residual.text}: ${compiled.message}`);
  return evaluateBoolean(compiled.expression, { async: coming, vars: result.residual.vars }, { now }).kind;
}

/** Whether the index would present the pause of this expression when `coming` comes. */
function isPresented(result: Interpolated, coming: JsonObject): boolean {
  if (result.kind !== 'residual') return result.kind === 'true';
  const found = anchorsOf(result.residual);
  return found.kind === 'scan' || found.anchors.some(({ path, hash }) => hashAt(coming, path) === hash);
}

describe('what is left of an expression', () => {
  test.each([
    ['event.data.id == async.data.id', '"o-1" == async.data.id'],
    ['async.data.n == event.data.n', 'async.data.n == 10.0'],
    ['async.data.n > event.data.n - 12', 'async.data.n > (-2.0)'],
    ['async.data.x == event.data.z', 'async.data.x == null'],
    ['event.data.b && async.data.x == "a"', 'async.data.x == "a"'],
    ['event.data.none || async.data.x == "a"', 'async.data.x == "a"'],
    ['event.data.b ? async.data.x == 1 : async.data.y == 2', 'async.data.x == 1'],
    ['async.data.x in event.data.arr', 'async.data.x in vars.v0'],
    ['async.data.items.exists(i, i.id == event.data.id)', 'async.data.items.exists(i, i.id == "o-1")'],
    ['event.data.arr.exists(a, a == async.data.x)', 'vars.v0.exists(a, a == async.data.x)'],
    ['date(async.data.at) > date(event.ts)', 'date(async.data.at) > timestamp("2026-01-15T12:00:00Z")'],
    [
      'date(event.ts) < now() && async.data.x == 1',
      '(timestamp("2026-01-15T12:00:00Z") < now()) && (async.data.x == 1)',
    ],
    ['async.data["a b"].in1 == -event.data.n', 'async.data["a b"].in1 == (-10.0)'],
  ])('%s', (text, expected) => {
    expect(interpolated(text).text).toBe(expected);
  });

  test('a known expression is true or false at once', () => {
    expect(interpolate(compile('event.data.b'), event, { now })).toEqual({ kind: 'true' });
    expect(interpolate(compile('event.data.id'), event, { now })).toEqual({ kind: 'false' });
    expect(interpolate(compile('event.data.none && async.data.x == 1'), event, { now })).toEqual({ kind: 'false' });
  });

  test('an error of the known event is an error of the whole', () => {
    expect(interpolate(compile('int(event.data.id) == async.data.n'), event, { now })).toEqual({
      kind: 'error',
      message: 'int() does not work on this string',
    });
  });

  test('long texts, odd texts and lists are bound rather than written', () => {
    expect(interpolated('async.data.l == event.data.long')).toEqual({
      text: 'async.data.l == vars.v0',
      vars: { v0: 'l'.repeat(5000) },
    });
    expect(interpolated('async.data.l == event.data.odd').vars).toEqual({ v0: '\ud800"\\' });
  });

  test('[E141] missing paths become null on either side and are told', () => {
    const results = ['event.data.x == async.data.x', 'async.data.x == event.data.x'].map((text) =>
      interpolate(compile(text), event, { now }),
    );

    expect(results).toMatchObject([
      { residual: { text: 'null == async.data.x' }, missing: ['event.data.x'] },
      { residual: { text: 'async.data.x == null' }, missing: ['event.data.x'] },
    ]);
  });
});

describe('anchors', () => {
  const stringX = { path: '["data","x"]', hash: hashAt({ data: { x: 'a' } }, '["data","x"]') };
  const numberN = { path: '["data","n"]', hash: hashAt({ data: { n: 10 } }, '["data","n"]') };
  const absentX = { path: '["data","x"]', hash: hashAt({ data: {} }, '["data","x"]') };

  test.each([
    ['async.data.x == "a"', [stringX]],
    ['event.data.n == async.data.n', [numberN]],
    ['async.data.n == 10', [numberN]],
    ['async.data.n == 10 && async.data.x == "a"', [stringX]],
    ['async.data.n > 5 && async.data.n == 10', [numberN]],
    ['async.data.n == 10 || async.data.x == "a"', [numberN, stringX]],
    ['!(async.data.x != "a" || async.data.y)', [stringX]],
    ['async.data.y ? async.data.x == "a" : async.data.n == 10', [stringX, numberN]],
    ['async.data.x in ["a", null]', [stringX, absentX]],
    ['event.data.none == async.data.x', [absentX]],
    ['async.data.x == "a" && (async.data.n > 1 || async.data.y.contains("z"))', [stringX]],
  ])('%s', (text, anchors) => {
    expect(anchorsOf(interpolated(text))).toEqual({ kind: 'anchors', anchors });
  });

  test.each([
    'async.data.x != "a"',
    'async.data.n > 5 || async.data.x == "a"',
    'async.data.items.exists(i, i == "a")',
    'async.data.x == async.data.y',
    `async.data.x in [${Array.from({ length: 20 }, (_, index) => index).join(',')}]`,
  ])('%s has none', (text) => {
    expect(anchorsOf(interpolated(text))).toEqual({ kind: 'scan' });
  });

  test('conditions nested in conditions take no exponential time', () => {
    const nested = Array.from({ length: 60 }).reduce<string>(
      (text) => `(${text} ? true : async.data.y == 2)`,
      'async.data.x == 1',
    );

    expect(anchorsOf(interpolated(nested))).toEqual({ kind: 'scan' });
  });

  test('equal values have one hash, others another', () => {
    const hashes = [10, '10', true, null, 'null', ''].map((x) => hashAt({ x }, '["x"]'));

    expect(new Set(hashes).size).toBe(6);
    expect(hashAt({}, '["x"]')).toBe(hashAt({ x: null }, '["x"]'));
    expect(hashAt({ x: -0 }, '["x"]')).toBe(hashAt({ x: 0 }, '["x"]'));
    expect(hashAt({ x: ['a'] }, '["x"]')).toBeUndefined();
  });
});

/** Expressions over few fields and few values, so that comparisons often hold. */
const scalar = fc.constantFrom<JsonValue>('a', 'b', '', 0, 1, 10, -1.5, true, false, null);
const value: fc.Arbitrary<JsonValue> = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }), fc.record({ k: scalar }));
const data = fc.dictionary(fc.constantFrom('x', 'y', 'n'), value, { maxKeys: 3, noNullPrototype: true });
const literal = fc.constantFrom('"a"', '"b"', '""', '0', '1', '10.0', '-1.5', 'true', 'false', 'null', '["a", 1]');

const { expression } = fc.letrec<{ operand: string; expression: string }>((tie) => ({
  operand: fc.oneof(
    { depthSize: 'small' },
    literal,
    fc
      .tuple(fc.constantFrom('event', 'async'), fc.constantFrom('x', 'y', 'n', 'x.k'))
      .map((path) => path.join('.data.')),
    fc
      .tuple(tie('operand'), fc.constantFrom('+', '-', '*', '%'), tie('operand'))
      .map(([a, op, b]) => `(${a} ${op} ${b})`),
    fc
      .tuple(fc.constantFrom('string', 'int', 'lowercase', 'size', 'date'), tie('operand'))
      .map(([f, a]) => `${f}(${a})`),
    tie('expression').map((text) => `(${text})`),
  ),
  expression: fc.oneof(
    { depthSize: 'small' },
    fc
      .tuple(tie('operand'), fc.constantFrom('==', '!=', '<', '<=', '>', '>=', 'in'), tie('operand'))
      .map(([a, op, b]) => `${a} ${op} ${b}`),
    tie('operand'),
    tie('operand').map((text) => `!${text}`),
    fc
      .tuple(tie('expression'), fc.constantFrom('&&', '||'), tie('expression'))
      .map(([a, op, b]) => `(${a}) ${op} (${b})`),
    fc.tuple(tie('expression'), tie('expression'), tie('expression')).map(([a, b, c]) => `((${a}) ? (${b}) : (${c}))`),
    fc
      .tuple(tie('operand'), fc.constantFrom('exists', 'all', 'exists_one'), tie('operand'))
      .map(([over, macro, a]) => `${over}.${macro}(e, e == ${a})`),
    fc.tuple(tie('operand'), tie('operand')).map(([over, a]) => `${a} in ${over}.map(e, e + ${a})`),
  ),
}));

test('a residual holds for an event to come if and only if the whole expression does, and its anchors find it', () => {
  fc.assert(
    fc.property(expression, data, data, (text, known, later) => {
      const compiled = compileExpression(text, { variables: ['event', 'async'] });
      fc.pre(compiled.ok);
      const [knownEvent, coming] = [{ data: known }, { data: later }];
      const whole = evaluateBoolean(compiled.expression, { event: knownEvent, async: coming }, { now });

      const result = interpolate(compiled.expression, knownEvent, { now });

      expect(match(result, coming)).toBe(whole.kind);
      expect(isPresented(result, coming) || whole.kind !== 'true').toBe(true);
    }),
    { numRuns: 3000 },
  );
});

/** Comparisons of fields to come, joined in every way: nearly all have anchors. */
const { joined } = fc.letrec<{ joined: string }>((tie) => ({
  joined: fc.oneof(
    { depthSize: 'medium' },
    fc
      .tuple(
        fc.constantFrom('x', 'y', 'n'),
        fc.constantFrom('==', '==', '!='),
        literal.filter((text) => text[0] !== '['),
      )
      .map(([field, op, text]) => `async.data.${field} ${op} ${text}`),
    fc.constantFrom('async.data.x in ["a", 10]', 'event.data.x == async.data.y', 'async.data.n in event.data.y'),
    tie('joined').map((text) => `!(${text})`),
    fc.tuple(tie('joined'), fc.constantFrom('&&', '||'), tie('joined')).map(([a, op, b]) => `(${a}) ${op} (${b})`),
    fc.tuple(tie('joined'), tie('joined'), tie('joined')).map(([a, b, c]) => `((${a}) ? (${b}) : (${c}))`),
  ),
}));

test('the anchors of a residual find it whenever it holds', () => {
  fc.assert(
    fc.property(joined, data, data, (text, known, later) => {
      const coming = { data: later };

      const result = interpolate(compile(text), { data: known }, { now });

      expect(isPresented(result, coming) || match(result, coming) !== 'true').toBe(true);
    }),
    { numRuns: 3000 },
  );
});
