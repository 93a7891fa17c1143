import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runStep } from './child-process.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-child-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A bootstrap that runs `program` in the foreground, once the program has said a first line. */
async function startBootstrap(program: string) {
  const programPath = join(folder, 'program.mjs');
  writeFileSync(programPath, program);
  const bootstrapPath = join(folder, 'bootstrap.mjs');
  writeFileSync(
    bootstrapPath,
    `import { endAs, passSignalsOn, runForeground } from ${JSON.stringify(new URL('./child-process.mjs', import.meta.url))};
     passSignalsOn();
     endAs(await runForeground([${JSON.stringify(programPath)}]));`,
  );
  const bootstrap = spawn(process.execPath, [bootstrapPath], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface(bootstrap.stdout)[Symbol.asyncIterator]();
  await lines.next();
  return { bootstrap, lines };
}

/** The exit code and the signal of a process, once every process that could still print for it is gone. */
async function endOf(bootstrap: ChildProcessByStdio<null, Readable, null>) {
  await once(bootstrap, 'close');
  return { code: bootstrap.exitCode, signal: bootstrap.signalCode };
}

const WAITING = 'setInterval(() => {}, 1000);';

test('the exit code of the program is that of the bootstrap', async () => {
  const { bootstrap } = await startBootstrap(`console.log('ready'); process.exitCode = 7;`);

  expect(await endOf(bootstrap)).toEqual({ code: 7, signal: null });
});

test('an interrupt that npm repeats reaches the program once, and its own ending counts', async () => {
  const { bootstrap, lines } = await startBootstrap(
    `process.on('SIGINT', () => { console.log('interrupted'); setTimeout(() => process.exit(3), 50); });
     console.log('ready'); ${WAITING}`,
  );
  const ending = endOf(bootstrap);

  bootstrap.kill('SIGINT');
  bootstrap.kill('SIGINT');

  expect(await ending).toEqual({ code: 3, signal: null });
  expect(await lines.next()).toEqual({ done: false, value: 'interrupted' });
  expect((await lines.next()).done).toBe(true);
});

test('a program that dies of a signal takes the bootstrap along with the same signal', async () => {
  const { bootstrap } = await startBootstrap(`console.log('ready'); ${WAITING}`);
  const ending = endOf(bootstrap);

  bootstrap.kill('SIGTERM');

  expect(await ending).toEqual({ code: null, signal: 'SIGTERM' });
});

test('when the bootstrap is killed outright, nothing that it started lives on', async () => {
  const { bootstrap } = await startBootstrap(
    `import { spawn } from 'node:child_process';
     spawn(process.execPath, ['--eval', ${JSON.stringify(WAITING)}], { stdio: 'inherit' });
     console.log('ready'); ${WAITING}`,
  );
  // It ends only when nobody holds the standard output any more.
  const ending = endOf(bootstrap);

  bootstrap.kill('SIGKILL');

  expect(await ending).toEqual({ code: null, signal: 'SIGKILL' });
});

test('a step that fails tells what was run, how it ended and what it printed', async () => {
  const failure = runStep('counting', 'sh', ['-c', 'echo one; echo two >&2; exit 3']);

  await expect(failure).rejects.toMatchObject({
    message: 'counting failed (exit code 3): sh -c echo one; echo two >&2; exit 3',
    ending: { code: 3, signal: null },
    output: expect.stringMatching(/one\n[^]*two\n|two\n[^]*one\n/),
  });
});

test('a step that succeeds gives back what it printed', async () => {
  expect(await runStep('greeting', 'echo', ['hello'])).toBe('hello\n');
});
