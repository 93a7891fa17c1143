/**
 * `npm test`: every check and every test, the quick ones first. Says how long each stage took and what was left out, and
 * closes with one line, `N passed, N failed`. A failed check ends it before the tests and counts as one failure.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StepFailedError } from './bootstrap/child-process.mjs';
import { describeLeftOut, NOT_TRIED, unacceptableInCi } from './test/left-out.ts';
import { checks, tests, type Stage, type StageContext } from './test/stages.ts';
import type { TestCounts } from './test/vitest-report.ts';

interface StageResult extends TestCounts {
  readonly name: string;
  readonly seconds: number;
}

async function runStage({ name, run }: Stage, context: StageContext): Promise<StageResult> {
  console.log(`\n== ${name}`);
  const startedAt = performance.now();
  let counts: TestCounts;
  try {
    counts = (await run(context)) ?? { passed: 0, failed: 0, skipped: [] };
  } catch (error) {
    if (!(error instanceof StepFailedError)) throw error;
    console.log(`${error.output.trimEnd()}\n${error.message}`);
    counts = { passed: 0, failed: 1, skipped: [] };
  }
  return { ...counts, name, seconds: (performance.now() - startedAt) / 1000 };
}

async function runStages(context: StageContext): Promise<StageResult[]> {
  const results: StageResult[] = [];
  for (const check of checks) results.push(await runStage(check, context));
  if (results.every(({ failed }) => failed === 0)) {
    for (const stage of tests) results.push(await runStage(stage, context));
  }
  return results;
}

function printStages(results: readonly StageResult[]): void {
  console.log('\n== stages');
  for (const { name, seconds, passed, failed } of results) {
    const counts = passed + failed > 1 ? `, ${passed} passed, ${failed} failed` : '';
    console.log(`${name.padEnd(24)} ${seconds.toFixed(1).padStart(7)} s  ${failed === 0 ? 'ok' : 'FAILED'}${counts}`);
  }
}

/** @returns how many of the reasons count as failures */
function printLeftOut(leftOut: readonly string[]): number {
  console.log('\n== left out');
  for (const reason of [...NOT_TRIED, ...(leftOut.length === 0 ? ['of this run: nothing'] : leftOut)])
    console.log(reason);
  const unacceptable = process.env['CI'] === 'true' ? unacceptableInCi(leftOut) : [];
  for (const reason of unacceptable) console.log(`not accepted in CI: ${reason}`);
  return unacceptable.length;
}

const folder = mkdtempSync(join(tmpdir(), 'perdure-test-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const leftOutPath = join(folder, 'left-out.txt');
writeFileSync(leftOutPath, '');

const results = await runStages({ folder, leftOutPath });

printStages(results);
const skipped = results.flatMap((result) => result.skipped);
const refused = printLeftOut(describeLeftOut(readFileSync(leftOutPath, 'utf8'), skipped));
const sum = (pick: (result: StageResult) => number) => results.reduce((total, result) => total + pick(result), 0);
const failed = sum((result) => result.failed) + refused;
console.log(`\n${sum((result) => result.passed)} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;
