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
import { PerdureProcess } from './harness/perdure-process.ts';
import { hasEnded, type RunView, ServerApi } from './harness/server-api.ts';
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
function runToEnd(args: string[], folder: string, env: Record<string, string> = {}): Promise<Ending> {
  const child = spawnPerdure(args, { TMPDIR: folder, ...env });
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

    expect(help).toMatchObject({ code: 0, output: expect.stringMatching(/dev[^]*start[^]*serve[^]*send[^]*migrate/) });
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

describe('serve', () => {
  const keyFlags = ['--signing-key', TEST_KEYS.signingKey, '--event-key', TEST_KEYS.eventKey];

  test('names the roles when one is misspelt or none is given', async (ctx) => {
    const folder = await folderFor(ctx);

    const [misspelt, none] = await Promise.all([
      runToEnd(['serve', 'api', 'executer', ...keyFlags], folder),
      runToEnd(['serve', ...keyFlags], folder),
    ]);

    const roles = 'the roles are event-api, runner, executor, api';
    expectClearFailure(misspelt, `Error: "executer" is no role: ${roles}`);
    expectClearFailure(none, `Error: name at least one role: ${roles}`);
  });

  test('of some roles without services says what is missing and why, all at once', async (ctx) => {
    const folder = await folderFor(ctx);

    const ending = await runToEnd(['serve', 'executor', ...keyFlags, '--cells', '4'], folder);

    expectClearFailure(
      ending,
      /^Error: nats-uri is required: event-api, runner and api run in another process, and the embedded event stream cannot/m,
      /^Error: redis-uri is required: .*the embedded store cannot be shared/m,
      /^Error: postgres-uri is required: .*the embedded database cannot be shared/m,
      /^Error: cells \(4\) needs redis-uri/m,
    );
  });

  test('of all roles runs on what is embedded, configured by a file in a variable', async (ctx) => {
    const folder = await folderFor(ctx);
    const config = `
      // CUE, with secrets from the environment
      "signing-key": "\${KEY}", "event-key": ["${TEST_KEYS.eventKey}"]
      data: dir: "${folder}/data"
      metrics: port: 0
    `;
    const served = new PerdureProcess({
      name: 'serve',
      args: ['serve', 'event-api', 'runner', 'executor', 'api', '--host', '127.0.0.1'],
      env: { TMPDIR: folder, PERDURE_CONFIG: config, KEY: TEST_KEYS.signingKey },
    });
    ctx.onTestFinished(async () => void (await served.terminate()));
    await served.start();
    const api = new ServerApi(() => served.url, TEST_KEYS);

    expect(await api.request('GET', '/ready')).toMatchObject({ status: 200 });
    expect((await api.request('GET', '/v1/events', { headers: { authorization: '' } })).status).toBe(401);
    expect(await api.send({ name: 'a/b' })).toHaveLength(1);
    expect(await served.terminate()).toBe(0);
  });

  test('a service that is not there stops the start with a sentence that names it', async (ctx) => {
    const folder = await folderFor(ctx);
    const flags = ['--redis-uri', 'redis://:hunter2@127.0.0.1:1', '--no-metrics', '--port', '0', '--data-dir', 'd'];

    const ending = await runToEnd(['start', ...keyFlags, ...flags], folder);

    expectClearFailure(ending, /^Error: Redis is not available: .*127\.0\.0\.1:1/m);
    expect(ending.output).not.toContain('hunter2');
  });

  test('an error that nobody handled stops everything and ends with 1', async (ctx) => {
    const folder = await folderFor(ctx);
    const mistake = join(folder, 'mistake.mjs');
    await writeFile(mistake, `process.on('SIGUSR2', () => void Promise.reject(new Error('a mistake')));`);
    const server = await serverFor(ctx, { env: { NODE_OPTIONS: `--import ${mistake}` } });
    const [process] = server.processes;

    process?.signal('SIGUSR2');

    expect(await process?.exited).toBe(1);
    expect(server.log).toContain('a rejection was not handled: the process stops');
    expect(server.log).toContain('a mistake');
  });
});

describe('send', () => {
  test('prints the ID of the event that the server has then', async (ctx) => {
    const folder = await folderFor(ctx);
    const server = await serverFor(ctx, { command: 'start' });
    const env = { PERDURE_EVENT_KEY: TEST_KEYS.eventKey, PERDURE_URL: server.url };
    await writeFile(join(folder, 'data.json'), '{"from": "file"}');

    const [argument, file, noKey, noJson] = await Promise.all([
      runToEnd(['send', 'sent/argument', '{"from": "argument"}'], folder, env),
      runToEnd(['send', 'sent/file', '--file', 'data.json', '--id', 'mine'], folder, env),
      runToEnd(['send', 'sent/not', '--url', server.url], folder),
      runToEnd(['send', 'sent/not', '{from}'], folder, env),
    ]);

    expect(argument).toMatchObject({ code: 0, output: expect.stringMatching(/^[0-9A-Z]{26}\n$/) });
    expect(file).toMatchObject({ code: 0, output: expect.stringMatching(/^[0-9A-Z]{26}\n$/) });
    expectClearFailure(noKey, 'Error: the server wants an event key');
    expectClearFailure(noJson, 'Error: the data in the argument is no JSON');
    const events = await until('both events', async () => {
      const listed = await server.api.request('GET', '/v1/events');
      const data = listed.body['data'] as { internal_id: string; name: string; id: string; data: unknown }[];
      return data.length === 2 ? data : undefined;
    });
    expect(events.toSorted((a, b) => a.name.localeCompare(b.name))).toMatchObject([
      { internal_id: argument.output.trim(), name: 'sent/argument', data: { from: 'argument' } },
      { internal_id: file.output.trim(), name: 'sent/file', id: 'mine', data: { from: 'file' } },
    ]);
  });
});

describe('doctor', () => {
  test('healthcheck asks the server, also where scripts for other servers look for it', async (ctx) => {
    const folder = await folderFor(ctx);
    const server = await serverFor(ctx, {});
    const { port } = new URL(server.url);
    const env = { INNGEST_PORT: port, INNGEST_HOST: '0.0.0.0' };

    const [plain, alpha, nobody] = await Promise.all([
      runToEnd(['doctor', 'healthcheck', '--ready', '--port', port, '--verbose'], folder),
      runToEnd(['alpha', 'dr', 'healthcheck', '--skip-connect-gateway', '--timeout', '5s'], folder, env),
      runToEnd(['doctor', 'healthcheck', '--port', '1'], folder),
    ]);

    expect(plain).toEqual({ code: 0, output: `http://127.0.0.1:${port}/ready answered 200\n` });
    expect(alpha).toEqual({ code: 0, output: '' });
    expectClearFailure(nobody, /^Error: http:\/\/127\.0\.0\.1:1\/health does not answer: /m);
  });

  test('looks into a folder that no server uses, and leaves one alone that is in use', async (ctx) => {
    const folder = await folderFor(ctx);
    const server = await serverFor(ctx, { command: 'start', dataDir: join(folder, 'data') });
    const env = { PERDURE_SIGNING_KEY: TEST_KEYS.signingKey, PERDURE_EVENT_KEY: TEST_KEYS.eventKey };
    const doctor = (...args: string[]) =>
      runToEnd(['doctor', '--data-dir', join(folder, 'data'), ...args], folder, env);

    const inUse = await doctor();
    await server.terminate();
    const free = await doctor('--deep', '--json');

    expect(inUse).toMatchObject({ code: 0, output: expect.stringMatching(/^skipped +data folder +a server uses/m) });
    expect(free.code, free.output).toBe(0);
    expect(JSON.parse(free.output)).toMatchObject({
      ok: true,
      checks: expect.arrayContaining([
        expect.objectContaining({ name: 'config', status: 'ok' }),
        expect.objectContaining({ name: 'dead letters of the runner', status: 'ok', message: 'none' }),
        expect.objectContaining({ name: 'invariants', status: 'ok', message: 'all hold' }),
      ]),
    });
  });

  test('says everything that is wrong with a config', async (ctx) => {
    const folder = await folderFor(ctx);
    await writeFile(join(folder, 'perdure.yaml'), 'redis-url: redis://r\nport: none\n');

    const ending = await runToEnd(['doctor', 'executor'], folder);

    expect(ending.code).toBe(1);
    for (const line of [
      /^problem +config +signing-key is required/m,
      /^problem +config +redis-uri is required/m,
      /^warning +config +redis-url is no option and is left out; did you mean redis-uri\? \(.*perdure\.yaml\)/m,
    ]) {
      expect(ending.output).toMatch(line);
    }
  });
});

test('migrate wants a Postgres', async (ctx) => {
  expectClearFailure(await runToEnd(['migrate'], await folderFor(ctx)), 'Error: postgres-uri is required');
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

  test('while a stop waits for a call the process is up but not ready, and another signal ends it at once', async (ctx) => {
    const released = Promise.withResolvers<void>();
    ctx.onTestFinished(() => released.resolve());
    const server = await serverFor(ctx, { persist: true });
    const script = completes('finished');
    const app = await startScriptedApp({
      name: 'held-up',
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
    await server.api.sendOne({ name: 'test/slow' });
    await app.nextCall();
    const [process] = server.processes;

    process?.signal('SIGTERM');
    const ready = await until('a stop that has begun', async () => {
      const answer = await server.api.request('GET', '/ready');
      return answer.status === 503 ? answer : undefined;
    });
    const health = await server.api.request('GET', '/health');
    process?.signal('SIGTERM');

    expect(ready.body).toMatchObject({ problems: ['the process is stopping'] });
    expect(health.status).toBe(200);
    expect(await process?.exited).toBe(130);
  });

  test('a call that outlasts the drain is given back without an attempt spent', async (ctx) => {
    const released = Promise.withResolvers<void>();
    ctx.onTestFinished(() => released.resolve());
    const server = await serverFor(ctx, { persist: true, args: ['--drain-seconds', '1'] });
    const attempts: number[] = [];
    const script = completes('finished');
    const app = await startScriptedApp({
      name: 'outlasting',
      functions: [
        {
          id: 'slow',
          script: async (call) => {
            attempts.push(call.attempt);
            if (attempts.length === 1) await released.promise;
            return script(call);
          },
        },
      ],
    });
    ctx.onTestFinished(() => app.stop());
    await app.register(server.url);
    const eventId = await server.api.sendOne({ name: 'test/slow' });
    await app.nextCall();

    expect(await server.terminate(), server.log).toBe(0);
    await server.start();

    expect(await server.api.waitForRun(eventId)).toMatchObject({ status: 'Completed', output: 'finished' });
    expect(attempts).toEqual([0, 0]);
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
