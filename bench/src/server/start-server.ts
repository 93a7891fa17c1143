import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { nowMs } from '../now.ts';

const REPOSITORY = resolve(import.meta.dirname, '../../..');
const START_MS_MAX = 60_000;
const STOP_MS_MAX = 20_000;
const POLL_MS = 5;
/** Of the server's output, kept for the message when it does not start. */
const OUTPUT_CHARS_MAX = 4_000;

export interface RunningServer {
  url: string;
  pid: number;
  /** From spawning the process to the first 200 of `/health` and `/ready`. */
  startedInMs: number;
  /** Asks it to stop and waits until it has. */
  stop(): Promise<void>;
}

export interface ServerStart {
  command: readonly string[];
  dataDir: string;
  /** Where `--cpu-prof` writes; none without. */
  profileDir?: string;
  isVerbose: boolean;
}

/** Starts the server under test on a free port of loopback and waits until it is ready. */
export async function startServer(start: ServerStart): Promise<RunningServer> {
  const port = await freePort();
  const [program, ...args] = start.command.map((word) =>
    word.replace('{port}', String(port)).replace('{dataDir}', start.dataDir),
  );
  if (program === undefined) throw new Error('the command of the server is empty');
  const isNode = program === 'node';
  const profiling =
    isNode && start.profileDir !== undefined ? ['--cpu-prof', `--cpu-prof-dir=${resolve(start.profileDir)}`] : [];
  const began = nowMs();
  const child = spawn(isNode ? process.execPath : program, [...profiling, ...args], {
    cwd: REPOSITORY,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const endWithUs = (): void => void child.kill('SIGTERM');
  process.once('exit', endWithUs);
  child.once('exit', () => process.off('exit', endWithUs));
  const output = keepOutput(child, start.isVerbose);
  const url = `http://127.0.0.1:${port}`;
  try {
    await once(child, 'spawn');
    await untilReady(url, child, began);
  } catch (error) {
    child.kill('SIGKILL');
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`the server did not start: ${why} (${start.command.join(' ')})\n${output()}`, { cause: error });
  }
  return { url, pid: child.pid ?? 0, startedInMs: nowMs() - began, stop: () => stopServer(child) };
}

async function untilReady(url: string, child: ChildProcess, began: number): Promise<void> {
  for (const path of ['/health', '/ready']) {
    while (!(await answersOk(url + path))) {
      if (child.exitCode !== null) throw new Error(`it exited with ${child.exitCode}`);
      if (nowMs() - began > START_MS_MAX) throw new Error(`${path} did not answer within ${START_MS_MAX} ms`);
      await pause(POLL_MS);
    }
  }
}

/** A server without the route has nothing more to say than that it answers. */
async function answersOk(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await answer.arrayBuffer();
    return answer.ok || answer.status === 404;
  } catch {
    return false;
  }
}

async function stopServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const tooLate = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
  await exited;
  clearTimeout(tooLate);
}

function keepOutput(child: ChildProcess, isVerbose: boolean): () => string {
  let kept = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      if (isVerbose) process.stderr.write(text);
      kept = (kept + text).slice(-OUTPUT_CHARS_MAX);
    });
  }
  return () => kept;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port to be had');
  return address.port;
}
