import { describe, expect, test } from 'vitest';
import { describeLeftOut, unacceptableInCi } from './left-out.ts';
import { countTests, type VitestReport } from './vitest-report.ts';

function aReport(statuses: Record<string, string>): VitestReport {
  const results = Object.entries(statuses).map(([fullName, status]) => ({ fullName, status }));
  const count = (status: string) => results.filter((result) => result.status === status).length;
  return {
    numPassedTests: count('passed'),
    numFailedTests: count('failed'),
    testResults: [{ assertionResults: results }],
  };
}

describe('counts of a run', () => {
  test('are those of its report', () => {
    const report = aReport({ a: 'passed', b: 'passed', c: 'failed', d: 'skipped', e: 'todo' });

    expect(countTests(report, 1)).toEqual({ passed: 2, failed: 1, skipped: ['d', 'e'] });
  });

  test('a run that ends badly has a failure even when no test failed', () => {
    expect(countTests(aReport({ a: 'passed' }), 1)).toEqual({ passed: 1, failed: 1, skipped: [] });
    expect(countTests(undefined, 137)).toEqual({ passed: 0, failed: 1, skipped: [] });
  });

  test('a run that ends well has none', () => {
    expect(countTests(aReport({ a: 'passed' }), 0)).toEqual({ passed: 1, failed: 0, skipped: [] });
  });
});

describe('what was left out', () => {
  test('each reason is told once', () => {
    expect(describeLeftOut('postgres: not found\nimage: needs a Docker engine\npostgres: not found\n', ['a'])).toEqual([
      'postgres: not found',
      'image: needs a Docker engine',
    ]);
  });

  test('tests skipped without any reason are named', () => {
    expect(describeLeftOut('', ['a', 'b'])).toEqual(['skipped without a reason: a', 'skipped without a reason: b']);
  });

  test('CI accepts what a machine cannot be expected to have, and nothing else', () => {
    const accepted = ['image: needs a Docker engine', 'the Helm chart: no helm on PATH; needs Go, there is none'];
    const refused = ['postgres: not found', 'the Helm chart: no helm on PATH; go build failed: exit 1'];

    expect(unacceptableInCi([...accepted, ...refused])).toEqual(refused);
  });
});
