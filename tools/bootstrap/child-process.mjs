/**
 * Child processes of the bootstrap.
 *
 * Once it passes signals on, each child leads a process group of its own, so that a Ctrl-C at the terminal reaches the
 * bootstrap alone. The npm scripts `exec` the bootstrap: a shell between the two would keep npm's signals to itself.
 * Invariants:
 * 1. A signal that ends the bootstrap (SIGINT, SIGTERM, SIGHUP) reaches every process of the group first, and once.
 * 2. The bootstrap outlives the group and ends as the child did: the same exit code, or the same signal.
 * 3. When the bootstrap or the npm that started it is killed outright, so is a foreground child (exit-with-parent.mjs).
 */
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { commandEnv, pinnedNode, repositoryRoot } from './paths.mjs';

/** Whether a person watches: progress then rewrites one line. */
export const isTerminal = process.stderr.isTTY;

const PASSED_ON = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
/** npm repeats to us what the terminal has already sent: a second signal this soon is the first one again. */
const SAME_SIGNAL_MS = 300;
const PARENT_CHECK_MS = 250;
const GROUP_CHECK_MS = 20;
/** Longer than anything takes to stop in order. */
const GROUP_END_MS = 30_000;
const FIRST_PROGRESS_MS = 2_000;
const PROGRESS_EVERY_MS = 10_000;
const TERMINAL_PROGRESS_EVERY_MS = 200;

/** @typedef {{ code: number | null, signal: NodeJS.Signals | null }} Ending */

/** A step that did not succeed: what was run, how it ended and, when it was not shown yet, all that it printed. */
export class StepFailedError extends Error {
  /** @param {{ step: string, command: string, ending: Ending, output: string }} facts */
  constructor({ step, command, ending, output }) {
    super(`${step} failed (${ending.signal ?? `exit code ${ending.code}`}): ${command}`);
    this.ending = ending;
    this.output = output;
  }
}

let isPassingOn = false;
/** @type {import('node:child_process').ChildProcess | undefined} */
let current;
/** @type {NodeJS.Signals | undefined} */
let passedOn;
let passedOnAt = 0;

/** Starts passing signals on to whichever child runs; between two children a signal ends this process. */
export function passSignalsOn() {
  isPassingOn = true;
  for (const signal of PASSED_ON) {
    process.on(signal, () => {
      if (passedOn === signal && Date.now() - passedOnAt < SAME_SIGNAL_MS) return;
      passedOn = signal;
      passedOnAt = Date.now();
      if (current === undefined) endAs({ code: null, signal });
      else signalGroup(current, signal);
    });
  }
}

/**
 * Ends this process the way a child ended.
 * @param {Ending} ending
 */
export function endAs({ code, signal }) {
  if (signal === null) process.exit(code ?? 1);
  for (const handled of PASSED_ON) process.removeAllListeners(handled);
  process.kill(process.pid, signal);
}

/**
 * Runs one step without its output: says on one line what is done while it takes long, and keeps the output for a failure.
 * @param {string} step what is being done, for a person: `installing packages`
 * @param {string} command @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<string>} what it printed
 * @throws {StepFailedError}
 */
export async function runStep(step, command, args, { cwd = repositoryRoot, env = commandEnv() } = {}) {
  const child = spawn(command, args, { cwd, env, detached: isPassingOn, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => (output += text));
  }
  const stopProgress = showProgress(step, () => output.trimEnd().split('\n').at(-1) ?? '');

  const ending = await waitFor(child).finally(stopProgress);

  if (passedOn !== undefined) endAs({ code: null, signal: passedOn });
  if (ending.code !== 0) throw new StepFailedError({ step, command: [command, ...args].join(' '), ending, output });
  return output;
}

/**
 * Runs a program under the pinned Node in the foreground until it ends by itself or by a signal.
 * @param {string[]} args Node's arguments, the script first
 * @returns {Promise<Ending>}
 */
export async function runForeground(args) {
  const lifeline = new URL('./exit-with-parent.mjs', import.meta.url).href;
  const child = spawn(pinnedNode, ['--import', lifeline, ...args], {
    cwd: repositoryRoot,
    env: commandEnv(),
    detached: isPassingOn,
    // A program in a group of its own may not read from the terminal.
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const stopWatching = whenParentIsGone(() => {
    if (passedOn === undefined) signalGroup(child, 'SIGKILL');
  });

  return waitFor(child).finally(stopWatching);
}

/** @param {import('node:child_process').ChildProcess} child @returns {Promise<Ending>} */
async function waitFor(child) {
  current = child;
  /** @type {Ending} */
  const ending = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  if (passedOn !== undefined) await groupIsGone(child);
  current = undefined;
  return ending;
}

/**
 * Waits until a group that was told to end has ended, and ends what then still lives.
 * @param {import('node:child_process').ChildProcess} child
 */
async function groupIsGone(child) {
  const giveUpAt = Date.now() + GROUP_END_MS;
  while (signalGroup(child, 0)) {
    if (Date.now() > giveUpAt) return void signalGroup(child, 'SIGKILL');
    await delay(GROUP_CHECK_MS);
  }
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {NodeJS.Signals | 0} signal 0 only asks
 * @returns {boolean} whether the group still exists
 */
function signalGroup(child, signal) {
  if (child.pid === undefined) return false;
  try {
    return process.kill(-child.pid, signal);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

/**
 * Calls back once when the npm that started this process no longer exists. Started by hand, a process may outlive the
 * shell that started it, so only npm is watched.
 * @param {() => void} callback
 */
function whenParentIsGone(callback) {
  if (process.env['npm_lifecycle_event'] === undefined) return () => {};
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, PARENT_CHECK_MS);
  return () => clearInterval(timer);
}

/**
 * @param {string} step
 * @param {() => string} lastLine
 * @returns {() => void} ends it and, when something was shown, says how long the step took
 */
function showProgress(step, lastLine) {
  const startedAt = Date.now();
  const seconds = () => ((Date.now() - startedAt) / 1000).toFixed(isTerminal ? 1 : 0);
  let shown = false;
  let nextAt = startedAt + FIRST_PROGRESS_MS;
  const timer = setInterval(() => {
    if (Date.now() < nextAt) return;
    const line = `perdure: ${step}, ${seconds()} s  ${lastLine()}`;
    process.stderr.write(isTerminal ? `\r${line.slice(0, (process.stderr.columns ?? 80) - 1)}\u001b[K` : `${line}\n`);
    nextAt = Date.now() + (isTerminal ? 0 : PROGRESS_EVERY_MS);
    shown = true;
  }, TERMINAL_PROGRESS_EVERY_MS);

  return () => {
    clearInterval(timer);
    if (shown) process.stderr.write(`${isTerminal ? '\r\u001b[K' : ''}perdure: ${step} took ${seconds()} s\n`);
  };
}
