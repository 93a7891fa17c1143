/** `npm run bench`: reads the command line, runs the scenarios one after the other, prints and stores the figures. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { BenchApplication } from './application/bench-application.ts';
import { EventClient } from './client/event-client.ts';
import { describeMachine, readOptions, type Options } from './options.ts';
import { describeProfiles } from './profile/print-profiles.ts';
import type { Figure } from './report/figure.ts';
import { formatTable } from './report/print-table.ts';
import { checkpointed } from './scenarios/checkpointed.ts';
import { fair } from './scenarios/fair.ts';
import { fanOut } from './scenarios/fan-out.ts';
import { ingest } from './scenarios/ingest.ts';
import { keyed } from './scenarios/keyed.ts';
import { latency } from './scenarios/latency.ts';
import { memory } from './scenarios/memory.ts';
import { parallel } from './scenarios/parallel.ts';
import { rest } from './scenarios/rest.ts';
import { resting } from './scenarios/resting.ts';
import type { Bench, Scenario } from './scenarios/scenario.ts';
import { sleepers } from './scenarios/sleepers.ts';
import { startUp } from './scenarios/start-up.ts';
import { executors, runs, steps } from './scenarios/throughput.ts';
import { waits } from './scenarios/waits.ts';
import { startServer, type RunningServer } from './server/start-server.ts';
import { SIGNING_KEY, startSystem, type RunningSystem } from './server/start-system.ts';
import { untilQuiet } from './server/until-quiet.ts';

const SCENARIOS: readonly Scenario[] = [
  startUp,
  rest,
  latency,
  runs,
  steps,
  checkpointed,
  parallel,
  fanOut,
  waits,
  sleepers,
  keyed,
  fair,
  ingest,
  executors,
  memory,
  resting,
];

interface Outcome {
  figures: Figure[];
  /** Scenarios that could not be measured, with why. */
  failures: { scenario: string; why: string }[];
}

async function main(): Promise<void> {
  const read = readOptions(process.argv.slice(2));
  if ('help' in read) return console.log(`${read.help}\n\nScenarios:\n${listScenarios()}`);
  const options = await withFreshProfileFolder(read);
  const chosen = chooseScenarios(options.only);
  const outcome = await withBench(options, (bench) => runScenarios(bench, chosen));
  console.log(`\n${formatTable(outcome.figures)}`);
  for (const { scenario, why } of outcome.failures) console.log(`${scenario} could not be measured: ${why}`);
  if (options.profileDir !== undefined) console.log(`\n${await describeProfiles(options.profileDir)}`);
  if (options.jsonFile !== undefined) await writeJson(options.jsonFile, outcome);
  if (outcome.failures.length > 0) process.exitCode = 1;
}

/** Profiles of an earlier benchmark must not be taken for those of this one. */
async function withFreshProfileFolder(options: Options): Promise<Options> {
  if (options.profileDir === undefined) return options;
  await mkdir(options.profileDir, { recursive: true });
  return { ...options, profileDir: await mkdtemp(join(options.profileDir, 'bench-')) };
}

function listScenarios(): string {
  return SCENARIOS.map(({ name, measures }) => `  ${name.padEnd(12)} ${measures}`).join('\n');
}

function chooseScenarios(only: readonly string[]): readonly Scenario[] {
  const unknown = only.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown.length > 0) throw new Error(`no scenario ${unknown.join(', ')}; there are:\n${listScenarios()}`);
  return only.length === 0 ? SCENARIOS : SCENARIOS.filter(({ name }) => only.includes(name));
}

async function runScenarios(bench: Bench, chosen: readonly Scenario[]): Promise<Outcome> {
  const outcome: Outcome = { figures: [], failures: [] };
  for (const scenario of chosen) {
    console.error(`measuring ${scenario.measures} ...`);
    try {
      await untilQuiet(bench.processes.map(({ pid }) => pid));
      outcome.figures.push(...(await scenario.run(bench)));
    } catch (error) {
      outcome.failures.push({ scenario: scenario.name, why: error instanceof Error ? error.message : String(error) });
    }
  }
  return outcome;
}

/** Application, client and server for as long as `work` takes. */
async function withBench(options: Options, work: (bench: Bench) => Promise<Outcome>): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'perdure-bench-'));
  const system =
    options.url === undefined ? await startSystem(options, join(folder, 'data')) : foreign(options, options.url);
  const signingKey = options.topology === 'roles' ? SIGNING_KEY : undefined;
  const application = await BenchApplication.start(signingKey);
  const client = new EventClient(system.eventUrl, options.eventKey);
  try {
    await application.register(system.apiUrl);
    return await work({
      application,
      client,
      serverUrl: system.eventUrl,
      apiUrl: system.apiUrl,
      ...(signingKey !== undefined && { signingKey }),
      processes: system.processes,
      isQuick: options.isQuick,
      topology: options.topology,
      ...(system.storeCommands && { storeCommands: system.storeCommands }),
      ...(system.addExecutor && { addExecutor: system.addExecutor }),
      eventKey: options.eventKey,
      ...(isOurs(options) && {
        startSystem: async (flags: string[]) => startSystem(options, await mkdtemp(join(folder, 'data-')), flags),
      }),
      ...(startsAlone(options) && { startServer: (dataDir: string) => start(options, dataDir) }),
    });
  } finally {
    await client.close();
    await system.stop();
    await application.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A server that runs already, and goes on when the benchmark has ended. */
function foreign({ pid }: Options, url: string): RunningSystem {
  const processes = pid === undefined ? [] : [{ name: 'perdure', pid }];
  return { eventUrl: url, apiUrl: url, processes, stop: async () => undefined };
}

function startsAlone({ url, topology }: Options): boolean {
  return url === undefined && topology === 'embedded';
}

/** Flags are understood by the server that is started by default. */
function isOurs({ url, topology, serverCommand }: Options): boolean {
  return url === undefined && (topology !== 'embedded' || serverCommand.includes('apps/cli/dist/main.js'));
}

function start({ serverCommand, isVerbose }: Options, dataDir: string): Promise<RunningServer> {
  return startServer({ command: serverCommand, dataDir, isVerbose });
}

async function writeJson(file: string, outcome: Outcome): Promise<void> {
  const report = { at: new Date().toISOString(), machine: describeMachine(), ...outcome };
  await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
}

// The server is ended when this process exits, however it does.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
try {
  await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
