import { spawn } from 'node:child_process';
import { Socket } from 'node:net';

/** Characters of a server's log that are kept, for looking for the ready line and for the reason of a failure. */
const LOG_CHARACTERS_MAX = 20_000;
const STOP_TIMEOUT_MS = 10_000;

/**
 * Runs the command given as arguments, says which process that is, and when it has ended or standard input closes removes
 * $FOLDER, if there is one. Because the kernel
 * closes our end of the pipe however we die, kill -9 of the test run leaves neither a server nor a folder behind.
 */
const SUPERVISOR = `
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
echo "supervised process $server"
( read -r _ <&3; kill -$STOP_SIGNAL $server; sleep 5; kill -KILL $server ) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
trap '' TERM INT HUP
wait $server
code=$?
kill $watcher >/dev/null 2>&1
[ -z "$FOLDER" ] || rm -rf "$FOLDER"
exit $code
`;

const SUPERVISED = /^supervised process (\d+)$/m;

export interface SupervisedProcess {
  /** Of the server, not of its supervisor. */
  readonly pid: number;
  /** Resolves when the server has ended, whatever ended it. */
  readonly exited: Promise<void>;
  /** Ends the process, at the latest after ten seconds, and waits for it. Repeatable. */
  stop: () => Promise<void>;
}

/**
 * Starts a server and resolves when its log shows `ready`; rejects with the end of the log when it exits before or is not
 * ready in time. The folder belongs to the server and goes with it, unless it `keepsFolder`.
 */
export async function startSupervised(args: {
  command: string[];
  folder: string;
  ready: RegExp;
  readyTimeoutMs: number;
  stopSignal: 'TERM' | 'QUIT';
  keepsFolder?: boolean;
  user?: { uid: number; gid: number };
}): Promise<SupervisedProcess> {
  const child = spawn('/bin/sh', ['-c', SUPERVISOR, 'supervisor', ...args.command], {
    cwd: args.folder,
    env: {
      ...process.env,
      FOLDER: args.keepsFolder === true ? '' : args.folder,
      STOP_SIGNAL: args.stopSignal,
      LC_ALL: 'C',
    },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A group of its own: Ctrl+C reaches the test run, whose end then ends the server in order.
    detached: true,
    ...args.user,
  });
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const stop = async () => {
    child.stdin.destroy();
    const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(deadline);
  };

  let log = '';
  const isReady = await new Promise<boolean>((resolve) => {
    const deadline = setTimeout(() => resolve(false), args.readyTimeoutMs);
    const settle = (value: boolean) => {
      clearTimeout(deadline);
      resolve(value);
    };
    const read = (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-LOG_CHARACTERS_MAX);
      if (args.ready.test(log) && SUPERVISED.test(log)) settle(true);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.stdin.on('error', () => settle(false));
    void exited.then(() => settle(false));
  });
  if (!isReady) {
    await stop();
    throw new Error(`${args.command[0]} did not become ready: ${lastLines(log, 8)}`);
  }

  // The server must not keep the process alive that forgot to stop it: its end closes the pipe.
  child.unref();
  for (const pipe of [child.stdin, child.stdout, child.stderr]) if (pipe instanceof Socket) pipe.unref();
  return { pid: Number(SUPERVISED.exec(log)?.[1]), exited, stop };
}

function lastLines(text: string, lines: number): string {
  return text.trim().split('\n').slice(-lines).join(' | ');
}
