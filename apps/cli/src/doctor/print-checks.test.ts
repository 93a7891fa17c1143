import { expect, test } from 'vitest';
import { attempt, type Check } from './check.ts';
import { printedForPeople, printedForPrograms } from './print-checks.ts';

const checks: Check[] = [
  { name: 'config', status: 'ok', message: 'valid' },
  { name: 'dead letters', status: 'problem', message: '3 given up on', facts: { count: 3 } },
];

test('people get a table and its outcome', () => {
  expect(printedForPeople(checks)).toEqual([
    'ok       config        valid',
    'problem  dead letters  3 given up on',
    '',
    'There is a problem.',
  ]);
  expect(printedForPeople(checks.slice(0, 1)).at(-1)).toBe('No problem was found.');
});

test('programs get JSON', () => {
  expect(JSON.parse(printedForPrograms(checks))).toEqual({ ok: false, checks });
});

test('a check that hangs is a problem', async () => {
  expect(await attempt('store', 10, () => new Promise(() => undefined))).toEqual([
    { name: 'store', status: 'problem', message: 'no answer within 10 ms' },
  ]);
});
