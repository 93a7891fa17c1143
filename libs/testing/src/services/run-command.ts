import { spawn } from 'node:child_process';

export interface CommandResult {
  /** Exit code; -1 when the command could not be run or was killed. */
  code: number;
  /** What it wrote, both streams mixed. */
  output: string;
}

/** Runs a command to its end. A failure is a value. `user` runs it with the rights of that user (root only). */
export function runCommand(
  command: string[],
  options: { cwd?: string; user?: { uid: number; gid: number }; timeoutMs?: number; env?: Record<string, string> } = {},
): Promise<CommandResult> {
  const [file = '', ...args] = command;
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...options.user,
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    });
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', (error) => resolve({ code: -1, output: `${output}${error.message}` }));
    child.once('close', (code) => resolve({ code: code ?? -1, output }));
  });
}
