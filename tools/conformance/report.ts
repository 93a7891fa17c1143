import { DOCUMENT_LETTERS, statementsCitedIn, statementsOf, type Statement } from './statements.ts';
import type { TestTitle } from './titles-of.ts';

/** Which tests show which statements. */
export interface Conformance {
  readonly shown: ReadonlyMap<Statement, readonly TestTitle[]>;
  readonly missing: readonly Statement[];
  /** Citations of numbers that no document has. */
  readonly unknown: readonly { statement: Statement; test: TestTitle }[];
}

/** Holds the titles of all tests against the statements of all documents. */
export function assess(tests: readonly TestTitle[]): Conformance {
  const statements = DOCUMENT_LETTERS.flatMap(statementsOf);
  const known = new Set(statements);
  const shown = new Map<Statement, TestTitle[]>();
  const unknown: { statement: Statement; test: TestTitle }[] = [];
  for (const test of tests) {
    for (const statement of new Set(statementsCitedIn(test.title))) {
      if (known.has(statement)) shown.set(statement, [...(shown.get(statement) ?? []), test]);
      else unknown.push({ statement, test });
    }
  }
  return { shown, missing: statements.filter((statement) => !shown.has(statement)), unknown };
}

/** Every statement with the tests that show it, then those without one; `countsLine` follows. */
export function describeConformance({ shown, missing, unknown }: Conformance): string[] {
  const lines: string[] = [];
  for (const statement of DOCUMENT_LETTERS.flatMap(statementsOf)) {
    for (const { path, line, title } of shown.get(statement) ?? []) {
      lines.push(`${statement.padEnd(5)} ${path}:${line}  ${title}`);
    }
  }
  for (const letter of DOCUMENT_LETTERS) {
    const without = missing.filter((statement) => statement.startsWith(letter));
    if (without.length > 0) lines.push('', `without a test: ${without.join(' ')}`);
  }
  if (unknown.length > 0) lines.push('', 'no document has these:');
  for (const { statement, test } of unknown)
    lines.push(`${statement.padEnd(5)} ${test.path}:${test.line}  ${test.title}`);
  return lines;
}

/** `shown 120 of 336: E 60/144, P 50/104, H 10/88` */
export function countsLine({ shown }: Conformance): string {
  const counts = DOCUMENT_LETTERS.map((letter) => {
    const statements = statementsOf(letter);
    return { letter, total: statements.length, shown: statements.filter((statement) => shown.has(statement)).length };
  });
  const total = counts.reduce((sum, count) => sum + count.total, 0);
  const each = counts.map((count) => `${count.letter} ${count.shown}/${count.total}`).join(', ');
  return `shown ${shown.size} of ${total}: ${each}`;
}
