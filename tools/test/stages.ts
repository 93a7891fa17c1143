import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile, generate } from '../bootstrap/build.mjs';
import { runStep } from '../bootstrap/child-process.mjs';
import { withBuildLock } from '../bootstrap/lock.mjs';
import { commandEnv, pinnedNode, repositoryRoot } from '../bootstrap/paths.mjs';
import { assessRepository } from '../conformance/assess-repository.ts';
import { countsLine } from '../conformance/report.ts';
import { buildGoTools } from '../deployment/harness/go-tools.ts';
import { installPythonSdk } from '../languages/python-sdk.ts';
import { countTests, type TestCounts, type VitestReport } from './vitest-report.ts';

/** One part of `npm test`. A check throws when it fails; a run of tests answers with its counts. */
export interface Stage {
  readonly name: string;
  readonly run: (context: StageContext) => Promise<TestCounts | void>;
}

export interface StageContext {
  /** A folder of this run, removed at its end. */
  readonly folder: string;
  /** Tests append one line to it for whatever they leave out. */
  readonly leftOutPath: string;
}

/** What needs no test to run, the quickest first. A failure among these ends the run before the tests. */
export const checks: readonly Stage[] = [
  { name: 'format', run: async () => void (await runStep('checking the format', 'oxfmt', ['--check', '.'])) },
  { name: 'lint', run: async () => void (await runStep('linting', 'oxlint', [])) },
  {
    name: 'dependencies',
    run: async () => void (await runStep('checking dependencies', pinnedNode, ['tools/check-dependencies.ts'])),
  },
  {
    name: 'types',
    run: () =>
      withBuildLock(async () => {
        await generate();
        await compile();
      }),
  },
];

/**
 * In one run: tests of the whole system mostly wait, for backoffs, leases and outages, so that files of one topology fill the
 * time in which those of another one wait.
 */
const WHOLE_SYSTEM = ['system', 'system-services', 'system-cluster', 'system-faults', 'system-languages', 'deployment'];

/** The tests, the whole system last; the conformance listing only informs. */
export const tests: readonly Stage[] = [
  {
    name: 'unit and contract tests',
    run: (context) => {
      void beginTools();
      return runVitest(['unit'], context);
    },
  },
  {
    name: 'whole system',
    run: async (context) => {
      await beginTools();
      return runVitest(WHOLE_SYSTEM, context);
    },
  },
  { name: 'conformance', run: async () => console.log(countsLine(assessRepository(repositoryRoot))) },
];

let tools: Promise<unknown> | undefined;

/**
 * Builds what checks deployments, and installs the SDKs of other languages, beside the tests that come before those which
 * need them: minutes, on a fresh machine. Never rejects: who needs them asks again, and tells what is wrong.
 */
function beginTools(): Promise<unknown> {
  tools ??= Promise.allSettled([buildGoTools(), installPythonSdk()]);
  return tools;
}

async function runVitest(projects: readonly string[], { folder, leftOutPath }: StageContext): Promise<TestCounts> {
  const reportPath = join(folder, `${projects[0]}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`];
  const child = spawn('vitest', ['run', ...projects.flatMap((name) => ['--project', name]), ...reporters], {
    cwd: repositoryRoot,
    env: { ...commandEnv(), PERDURE_LEFT_OUT_FILE: leftOutPath },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  const report: VitestReport | undefined = existsSync(reportPath)
    ? JSON.parse(readFileSync(reportPath, 'utf8'))
    : undefined;
  return countTests(report, exitCode);
}
