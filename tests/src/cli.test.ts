import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { appendFile, mkdir, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { completes, startScriptedApp } from '@perdure/testing';
import { describe, expect, test, type TestContext } from 'vitest';

import { until } from './harness/poll.ts';
import { hasEnded, type RunView } from './harness/server-api.ts';
import {
  commandLine,
  spawnPerdure,
  startServer,
  TEST_KEYS,
  type PerdureServer,
  type ServerOptions,
} from './harness/server.ts';

// One after the other: starting a process is what these tests do most, and two cores start two at a time.

/** Longest a command that must fail may take. */
const ENDS_MS_MAX = 20_000;

interface Ending {
  code: number | null;
  output: string;
}

/** Runs `perdure` to its end, which must come by itself. */
function runToEnd(args: string[], folder: string): Promise<Ending> {
  const child = spawnPerdure(args, { TMPDIR: folder });
  let output = '';
  child.stdout?.on('data', (chunk) => (output += String(chunk)));
  child.stderr?.on('data', (chunk) => (output += String(chunk)));
  return new Promise((resolve) => {
    const patience = setTimeout(() => {
      output += '\n(killed: it did not end by itself)';
      child.kill('SIGKILL');
    }, ENDS_MS_MAX);
    child.once('close', (code) => {
      clearTimeout(patience);
      resolve({ code, output });
    });
  });
}

async function folderFor(ctx: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'perdure-test-'));
  ctx.onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function serverFor(ctx: TestContext, options: ServerOptions): Promise<PerdureServer> {
  const server = await startServer(options);
  ctx.onTestFinished(() => server.stop());
  return server;
}

/** The start ended by itself, and what it printed is a sentence, not a stack. */
function expectClearFailure({ code, output }: Ending, ...sentences: (string | RegExp)[]): void {
  expect(code, output).toBeGreaterThan(0);
  for (const sentence of sentences) expect(output).toMatch(sentence);
  expect(output).not.toMatch(/\n\s+at /);
}

describe('the command line', () => {
  test('start without keys names what is missing', async (ctx) => {
    const folder = await folderFor(ctx);
    const start = (...args: string[]) =>
      runToEnd(['start', '--port', '0', '--data-dir', join(folder, 'data'), ...args], folder);

    const { signingKey } = TEST_KEYS;
    expectClearFailure(await start('--event-key', 'k'), 'Error: signing-key is required');
    expectClearFailure(await start('--signing-key', signingKey), 'Error: at least one event-key is required');
    expectClearFailure(
      await start('--event-key', 'k', '--signing-key', 'abc'),
      'Error: signing-key must be hex string with even number of chars',
    );
    expectClearFailure(
      await start('--event-key', 'k', '--signing-key', 'not hex!'),
      'Error: signing-key must be valid hex string',
    );
  });

  test('start accepts a key with the prefix of an environment', async (ctx) => {
    const server = await serverFor(ctx, {
      command: 'start',
      keys: { ...TEST_KEYS, signingKey: `signkey-prod-${TEST_KEYS.signingKey}` },
    });

    expect((await server.api.request('GET', '/v1/events')).status).toBe(200);
  });

  test.for([
    [['dev', '--made-up'], /--made-up/],
    [['start', '--made-up'], /--made-up/],
    [['made-up'], /made-up/],
    [['dev', '--port', 'eighty'], /port.*eighty|eighty.*port/],
    [['dev', '--port', '70000'], /port/],
  ] as const)('%j is refused, and the message names what is wrong', async ([args, named], ctx) => {
    const ending = await runToEnd([...args], await folderFor(ctx));

    expectClearFailure(ending, named);
  });

  test('help and version', async (ctx) => {
    const folder = await folderFor(ctx);
    const [help, version, devHelp] = await Promise.all([
      runToEnd(['--help'], folder),
      runToEnd(['version'], folder),
      runToEnd(['dev', '--help'], folder),
    ]);

    expect(help).toMatchObject({ code: 0, output: expect.stringMatching(/dev[^]*start/) });
    expect(version).toMatchObject({ code: 0, output: expect.stringMatching(/^\d+\.\d+\.\d+\s*$/) });
    expect(devHelp).toMatchObject({
      code: 0,
      output: expect.stringMatching(/--sdk-url[^]*--persist|--persist[^]*--sdk-url/),
    });
  });

  test('a port in use: dev takes the next one and says so, start fails', async (ctx) => {
    const occupant = createServer();
    await new Promise<void>((resolve) => void occupant.listen(0, '0.0.0.0', resolve));
    ctx.onTestFinished(() => void occupant.close());
    const { port } = occupant.address() as AddressInfo;
    const folder = await folderFor(ctx);

    const dev = await serverFor(ctx, { port });
    const start = await runToEnd(
      commandLine({ command: 'start', keys: TEST_KEYS, port, dataDir: join(folder, 'data') }),
      folder,
    );

    expect(Number(new URL(dev.url).port)).toBeGreaterThan(port);
    expect(dev.log).toMatch(/port/i);
    expect((await dev.api.request('GET', '/health')).status).toBe(200);
    expectClearFailure(start, new RegExp(String(port)));
  });
});

describe('npm start: dev --persist --sample', () => {
  test('the sample function runs steps, sleeps, fails once and is retried; killed in the middle it goes on', async (ctx) => {
    const server = await serverFor(ctx, { persist: true, args: ['--sample'] });

    await server.waitForLog('step reserve-stock');
    await server.kill9();
    await server.start();
    // What was lost is a call: its lease runs for 30 s, and is taken back within 5 s of its end (execution.md 7.2).
    const run = await until('the run of the sample', () => endedSampleRun(server), { waitMs: 50_000 });

    expect(run).toMatchObject({
      status: 'Completed',
      output: { order: 'A-1', reserved: 3, charged: true, attempt: 1 },
    });
    await server.waitForLog('sample: finished');
  });

  /** The only run of the sample, once it has ended: later starts send the event again, which starts nothing. */
  async function endedSampleRun(server: PerdureServer): Promise<RunView | undefined> {
    const listed = await server.api.request('GET', '/v1/events?name=sample/order.placed');
    const events = listed.body['data'] as { internal_id: string }[];
    const runs = (await Promise.all(events.map((event) => server.api.runsOf(event.internal_id)))).flat();
    expect(runs.length).toBeLessThanOrEqual(1);
    return runs.find(hasEnded);
  }
});

describe('stopping', () => {
  test('SIGTERM ends an idle server with code 0 at once', async (ctx) => {
    const server = await serverFor(ctx, { command: 'start' });
    const startedAt = performance.now();

    const code = await server.terminate();

    expect(code, server.log).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  test('SIGTERM with a call in flight: the call may finish, and its run goes on after the next start', async (ctx) => {
    const released = Promise.withResolvers<void>();
    const server = await serverFor(ctx, { persist: true });
    const script = completes('finished');
    const app = await startScriptedApp({
      name: 'stopping',
      functions: [
        {
          id: 'slow',
          script: async (call) => {
            await released.promise;
            return script(call);
          },
        },
      ],
    });
    ctx.onTestFinished(() => app.stop());
    await app.register(server.url);
    const eventId = await server.api.sendOne({ name: 'test/slow' });
    await app.nextCall();

    const ended = server.terminate();
    released.resolve();
    expect(await ended, server.log).toBe(0);
    await server.start();

    expect(await server.api.waitForRun(eventId)).toMatchObject({ status: 'Completed', output: 'finished' });
    expect(app.callCount).toBe(1);
  });

  test('dev without --persist leaves nothing behind', async (ctx) => {
    const folder = await folderFor(ctx);
    const server = await serverFor(ctx, { env: { TMPDIR: folder } });

    await server.terminate();

    expect(await readdir(folder)).toEqual([]);
  });
});

describe('the data folder', () => {
  test('events, runs and functions are there after a restart', async (ctx) => {
    const server = await serverFor(ctx, { command: 'start' });
    const app = await startScriptedApp({
      name: 'kept',
      functions: [{ id: 'kept', script: completes('kept') }],
      bearer: TEST_KEYS.signingKey,
    });
    ctx.onTestFinished(() => app.stop());
    await app.register(server.url);
    const before = await server.api.sendOne({ name: 'test/kept', id: 'once' });
    await server.api.waitForRun(before);

    await server.restart();
    const after = await server.api.sendOne({ name: 'test/kept' });
    const repeated = await server.api.sendOne({ name: 'test/kept', id: 'once' });
    await server.api.waitForRun(after);
    const last = await server.api.sendOne({ name: 'test/kept' });
    await server.api.waitForRun(last);

    expect(await server.api.waitForRun(before)).toMatchObject({ status: 'Completed', output: 'kept' });
    expect(await server.api.runsOf(repeated)).toEqual([]);
    const listed = await server.api.request('GET', '/v1/events?name=test/kept');
    expect((listed.body['data'] as { internal_id: string }[]).map((event) => event.internal_id)).toEqual([
      last,
      repeated,
      after,
      before,
    ]);
    expect(app.callCount).toBe(3);
  });

  test('a second process on the same folder is refused, and the first goes on', async (ctx) => {
    const folder = await folderFor(ctx);
    const dataDir = join(folder, 'data');
    const first = await serverFor(ctx, { command: 'start', dataDir });

    const second = await runToEnd(commandLine({ command: 'start', keys: TEST_KEYS, dataDir }), folder);

    expectClearFailure(second, dataDir, /in use|another|already/i);
    expect(await first.api.send({ name: 'still/here' })).toHaveLength(1);
  });

  test('a folder whose process was killed is free', async (ctx) => {
    const server = await serverFor(ctx, { command: 'start' });

    await server.kill9();
    await server.start();

    expect(await server.api.send({ name: 'here/again' })).toHaveLength(1);
  });

  test('a corrupt folder stops the start with a sentence that names it', async (ctx) => {
    const folder = await folderFor(ctx);
    const dataDir = join(folder, 'data');
    const server = await serverFor(ctx, { command: 'start', dataDir });
    await server.api.send({ name: 'to/lose' });
    await server.terminate();
    for (const file of await filesOf(dataDir)) {
      const { size } = await stat(file);
      await truncate(file, 0);
      await writeFile(file, Buffer.alloc(Math.max(size, 4_096), 0xa5));
    }

    const ending = await runToEnd(commandLine({ command: 'start', keys: TEST_KEYS, dataDir }), folder);

    expectClearFailure(ending, dataDir);
  });

  test('a folder that is a file stops the start with a sentence that names it', async (ctx) => {
    const folder = await folderFor(ctx);
    const dataDir = join(folder, 'data');
    await writeFile(dataDir, 'not a folder');

    const ending = await runToEnd(commandLine({ command: 'start', keys: TEST_KEYS, dataDir }), folder);

    expectClearFailure(ending, dataDir);
  });

  test('a full disk stops the start with one sentence', async (ctx) => {
    const folder = await folderFor(ctx);
    const dataDir = join(folder, 'data');
    const obstacle = await mountSmall(ctx, dataDir);
    if (obstacle !== undefined) return ctx.skip(await leaveOut(`a full disk at the start: ${obstacle}`));

    const ending = await runToEnd(commandLine({ command: 'start', keys: TEST_KEYS, dataDir }), folder);

    expectClearFailure(ending, dataDir, /space|full/i);
  });
});

/** Mounts a file system of 256 KiB at `folder`; answers why not when that cannot be done here. */
async function mountSmall(ctx: TestContext, folder: string): Promise<string | undefined> {
  const run = promisify(execFile);
  if (process.getuid?.() !== 0) return 'only root can mount a small file system';
  await mkdir(folder);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]);
  } catch (error) {
    return `mount was refused: ${error instanceof Error ? (error.message.split('\n')[1] ?? error.message) : String(error)}`;
  }
  ctx.onTestFinished(async () => {
    await run('umount', [folder]);
  });
  return undefined;
}

/** Tells `npm test` what was left out and why (see libs/testing, services). In CI that is a failure. */
async function leaveOut(reason: string): Promise<string> {
  if (process.env['CI'] === 'true') throw new Error(`CI leaves nothing out: ${reason}`);
  const file = process.env['PERDURE_LEFT_OUT_FILE'];
  if (file !== undefined) await appendFile(file, `${reason}\n`);
  return reason;
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
