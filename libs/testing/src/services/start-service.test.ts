import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { connect } from 'node:net';

import { assert } from '@perdure/domain';
import { expect, test, vi } from 'vitest';

import { startPostgres } from './postgres.ts';
import { startPrivateRedis } from './redis.ts';
import type { ServiceRecipe } from './service.ts';
import { startService } from './start-service.ts';

/** A server that anything which runs a shell can be: the script is its binary's only argument. */
function aRecipe(script: string): ServiceRecipe {
  return {
    name: 'redis',
    variable: 'PERDURE_TEST_NOTHING_URL',
    binaries: ['sh'],
    debianPackage: 'dash',
    debianFolders: async () => [],
    refusesRoot: false,
    command: ({ binary }) => [binary, '-c', script],
    ready: /ready in (\S+)/,
    stopSignal: 'TERM',
    docker: { image: 'perdure.invalid/none', port: 1, environment: [], args: [], ready: /never/ },
    url: (port) => `test://127.0.0.1:${port}`,
  };
}

test('a server that a variable names is used as it is', async () => {
  vi.stubEnv('PERDURE_TEST_NOTHING_URL', 'test://elsewhere:1');

  const service = await startService(aRecipe('exit 1'));

  vi.unstubAllEnvs();
  expect(service).toMatchObject({ kind: 'started', url: 'test://elsewhere:1', origin: 'PERDURE_TEST_NOTHING_URL' });
});

test('a server that does not become ready is unavailable, and the reason holds what it printed', async () => {
  const service = await startService(aRecipe('echo no space left; exit 1'));

  expect(service).toMatchObject({ kind: 'unavailable', reason: expect.stringContaining('no space left') });
});

test('a private Redis answers until it is stopped', async () => {
  const redis = await startPrivateRedis();
  assert(redis.kind === 'started', 'this test needs a Redis');

  expect(await firstAnswer(redis.url, 'CONFIG GET maxmemory-policy\r\n')).toContain('noeviction');
  await redis.stop();
  await redis.stop();

  await expect(firstAnswer(redis.url, 'PING\r\n')).rejects.toThrow('ECONNREFUSED');
});

test('a private Postgres starts whatever user runs the tests, and stops while a client is connected', async () => {
  const postgres = await startPostgres();
  assert(postgres.kind === 'started', 'this test needs a Postgres');
  const { port } = new URL(postgres.url);
  const client = connect(Number(port), '127.0.0.1');
  client.write(SSL_REQUEST);
  await once(client, 'data');

  await postgres.stop();

  await expect(firstAnswer(postgres.url, '')).rejects.toThrow('ECONNREFUSED');
  client.destroy();
});

test('kill -9 of the process that started a server ends the server and removes its folder', async () => {
  const starter = spawn(process.execPath, ['--conditions=perdure-source', '--input-type=module', '-e', STARTER], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(starter.stdout, 'data');
  const { url, folder } = JSON.parse(String(line));
  expect(await firstAnswer(url, 'PING\r\n')).toBe('+PONG\r\n');

  starter.kill('SIGKILL');

  await vi.waitFor(() => expect(firstAnswer(url, 'PING\r\n')).rejects.toThrow('ECONNREFUSED'), { timeout: 10_000 });
  await vi.waitFor(() => expect(access(folder)).rejects.toThrow('ENOENT'), { timeout: 10_000 });
});

/** The first thing that a client of Postgres may send, and that the server answers without a login. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

const STARTER = `
import { connect } from 'node:net';
import { startPrivateRedis } from './redis.ts';
const { url } = await startPrivateRedis();
const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write('CONFIG GET dir\\r\\n'));
socket.once('data', (answer) => {
  console.log(JSON.stringify({ url, folder: answer.toString().split('\\r\\n')[4] }));
});
`;

async function firstAnswer(url: string, command: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, 'connect');
    socket.write(command);
    const [answer] = await once(socket, 'data');
    return String(answer);
  } finally {
    socket.destroy();
  }
}
