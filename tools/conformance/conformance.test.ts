import { describe, expect, test } from 'vitest';
import { assess, countsLine, describeConformance } from './report.ts';
import { statementsCitedIn, statementsOf } from './statements.ts';
import { titlesOf, type TestTitle } from './titles-of.ts';

describe('citations in a title', () => {
  test.each([
    ['[E39] a failed attempt is retried', ['E39']],
    ['[E1, E2] two of one document', ['E1', 'E2']],
    ['[E1][P2] two brackets', ['E1', 'P2']],
    ['[E1 H3] two documents in one bracket', ['E1', 'H3']],
    ['[E32-E35] a range', ['E32', 'E33', 'E34', 'E35']],
    ['[E1..3] a short range', ['E1', 'E2', 'E3']],
    ['[P7, 9] a list that names its letter once', ['P7', 'P9']],
    ['a citation may stand at the end [H5]', ['H5']],
    ['[] [empty] [42] [Q1] [E1 of them] cite nothing', []],
    ['[E3-P5] a range over two documents cites nothing', []],
    ['E39 without brackets is no citation', []],
  ])('%s', (title, statements) => {
    expect(statementsCitedIn(title)).toEqual(statements);
  });
});

describe('titles in a file', () => {
  const titlesIn = (text: string) => titlesOf({ path: 'libs/store/src/a.test.ts', text }).map(({ title }) => title);

  test('tests and groups in all their forms have titles', () => {
    const text = [
      `test('plain', () => {});`,
      `it("it", () => {});`,
      `describe('group', () => { test('inside', () => {}); });`,
      `test.each([1, 2])('each %i', () => {});`,
      'test.each`a | b`("table", () => {});',
      `describe.for(rows)('for', () => {});`,
      `test.skipIf(condition)('conditional', () => {});`,
    ].join('\n');

    expect(titlesIn(text)).toEqual(['plain', 'it', 'group', 'inside', 'each %i', 'table', 'for', 'conditional']);
  });

  test('of a title that is put together, the fixed parts count', () => {
    expect(titlesIn("test(`[E1] ${name} runs`, run); test('[E2] ' + name, run);")).toEqual(['[E1]  runs', '[E2] ']);
  });

  test('what does not run shows nothing', () => {
    expect(
      titlesIn(`test.skip('a', run); test.todo('b'); // test('c', run)\nconst d = "test('d')"; plan('e');`),
    ).toEqual([]);
  });
});

describe('the report', () => {
  const aTest = (title: string): TestTitle => ({ title, path: 'tests/a.test.ts', line: 7 });

  test('names each test under each statement that it shows, and counts', () => {
    const conformance = assess([aTest('[E1, P104] first'), aTest('[E1] second')]);

    expect(describeConformance(conformance).slice(0, 3)).toEqual([
      'E1    tests/a.test.ts:7  [E1, P104] first',
      'E1    tests/a.test.ts:7  [E1] second',
      'P104  tests/a.test.ts:7  [E1, P104] first',
    ]);
    expect(countsLine(conformance)).toBe('shown 2 of 336: E 1/144, P 1/104, H 0/88');
    expect(conformance.missing).toHaveLength(334);
  });

  test('nothing is missing when every statement is shown', () => {
    const conformance = assess([aTest('[E1-E144] a'), aTest('[P1-P104] b'), aTest('[H1-H88] c')]);

    expect(conformance.missing).toEqual([]);
    expect(describeConformance(conformance)).toHaveLength(336);
  });

  test('a number that no document has is named', () => {
    const conformance = assess([aTest('[E145] beyond the end')]);

    expect(conformance.unknown).toEqual([{ statement: 'E145', test: aTest('[E145] beyond the end') }]);
    expect(describeConformance(conformance).at(-1)).toBe('E145  tests/a.test.ts:7  [E145] beyond the end');
  });

  test('the documents end where they end', () => {
    expect([statementsOf('E').at(-1), statementsOf('P').at(-1), statementsOf('H').at(-1)]).toEqual([
      'E144',
      'P104',
      'H88',
    ]);
  });
});
