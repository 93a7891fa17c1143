import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Longest a start may take before the test gives up: several times what an idle machine needs. */
const READY_MS_MAX = 60_000;
/** Longest a graceful stop may take. */
const STOP_MS_MAX = 20_000;

const repository = fileURLToPath(new URL('../../../', import.meta.url));
const cli = join(repository, 'apps/cli/dist/main.js');
/** The Node that the workspace pins, whatever runs the tests. */
const node = join(dirname(createRequire(join(repository, 'package.json')).resolve('node/package.json')), 'bin/node');

/** Waits for the end of standard input, which the kernel closes however its owner dies. */
const CARETAKER = 'read -r _; kill -KILL "$0"';

/** Starts `perdure` with these arguments, to end with this process at the latest; nothing of the caller's `INNGEST_*` variables reaches it. */
export function spawnPerdure(args: string[], env: Record<string, string> = {}): ChildProcess {
  if (!existsSync(cli)) throw new Error(`${cli} is missing: build the workspace first (npm run build)`);
  const child = spawn(node, [cli, ...args], {
    cwd: env['TMPDIR'] ?? tmpdir(),
    env: { PATH: process.env['PATH'], HOME: env['TMPDIR'] ?? process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  takeCareOf(child);
  return child;
}

/** A test run that is cut short, even by kill -9, leaves no server behind. */
function takeCareOf(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const caretaker = spawn('/bin/sh', ['-c', CARETAKER, String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  caretaker.unref();
  if (caretaker.stdin instanceof Socket) caretaker.stdin.unref();
  child.once('exit', () => caretaker.kill('SIGKILL'));
}

export interface PerdureProcessOptions {
  /** For the log of several. */
  name: string;
  /** The command line but for the port. */
  args: string[];
  env?: Record<string, string>;
  /** Default 0: any free port. */
  port?: number;
  /** Gets each line it prints. */
  keepLine?: (line: string) => void;
}

/** One `perdure` process, started again at the same port as often as a test wants. */
export class PerdureProcess {
  readonly name: string;
  readonly #options: PerdureProcessOptions;
  #port: number;
  #process: ChildProcess | undefined;
  #exited: Promise<number | null> = Promise.resolve(null);

  constructor(options: PerdureProcessOptions) {
    this.name = options.name;
    this.#options = options;
    this.#port = options.port ?? 0;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** Resolves with the exit code, null after a signal, when the process that runs now has ended. */
  get exited(): Promise<number | null> {
    return this.#exited;
  }

  /** Starts it, on the port that it had before, and resolves when it says that it is ready. */
  async start(): Promise<void> {
    if (this.isRunning) throw new Error(`${this.name} is already running`);
    const printed: string[] = [];
    const child = spawnPerdure([...this.#options.args, '--port', String(this.#port)], this.#options.env);
    this.#process = child;
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code) => {
        if (this.#process === child) this.#process = undefined;
        resolve(code);
      });
    });
    const ready = new Promise<string>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        if (stream === null) continue;
        createInterface({ input: stream }).on('line', (line) => {
          this.#options.keepLine?.(line);
          const url = readyUrl(line);
          if (url !== undefined) resolve(url);
          else if (printed.length < LINES_OF_START_MAX) printed.push(line);
        });
      }
      const fail = (what: string) => reject(new Error(`${this.name} ${what}:\n${printed.join('\n')}`));
      void this.#exited.then((code) => fail(`exited with ${code} while starting`));
      setTimeout(() => fail(`is not ready after ${READY_MS_MAX} ms`), READY_MS_MAX).unref();
    });
    this.#port = Number(new URL(await ready).port);
  }

  /** As when the machine loses power for this process alone. */
  async kill9(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#exited;
  }

  /** Does not wait for what comes of it. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** SIGSTOP: its connections stay open and nothing happens. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  /** SIGCONT. */
  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  /** SIGTERM; answers the exit code. A process that does not end is killed, and its log says so. */
  async terminate(): Promise<number | null> {
    const child = this.#process;
    child?.kill('SIGCONT');
    child?.kill('SIGTERM');
    const patience = setTimeout(() => {
      this.#options.keepLine?.(`(killed: it was still running ${STOP_MS_MAX} ms after SIGTERM)`);
      child?.kill('SIGKILL');
    }, STOP_MS_MAX);
    const code = await this.#exited;
    clearTimeout(patience);
    return code;
  }
}

/** Lines of a start kept for the report of its failure. */
const LINES_OF_START_MAX = 60;

function readyUrl(line: string): string | undefined {
  if (!line.includes('perdure is ready')) return undefined;
  return (JSON.parse(line) as { url?: string }).url;
}
