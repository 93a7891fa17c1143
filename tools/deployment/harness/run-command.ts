import { spawn } from 'node:child_process';

export interface CommandResult {
  /** Exit code; -1 when the command could not be run or was killed. */
  code: number;
  /** What it wrote, both streams mixed. */
  output: string;
}

export interface CommandOptions {
  cwd?: string;
  /** Instead of the environment of this process. */
  env?: Record<string, string | undefined>;
  input?: string;
  timeoutMs?: number;
}

/** Runs a command to its end. A failure is a value. */
export function runCommand([file = '', ...args]: string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { cwd, env = process.env, input = '', timeoutMs } = options;
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(file, args, {
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(cwd !== undefined && { cwd }),
      ...(timeoutMs !== undefined && { timeout: timeoutMs, killSignal: 'SIGKILL' as const }),
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    child.once('error', (error) => resolve({ code: -1, output: `${output}${error.message}` }));
    child.once('close', (code) => resolve({ code: code ?? -1, output }));
    // A command that ends without reading is judged by its exit code.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
