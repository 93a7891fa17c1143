import type { Config } from '@perdure/config';
import type { Ports } from '@perdure/engine';
import { silentLogger } from '@perdure/telemetry';
import { Module } from '@nestjs/common';
import { expect, onTestFinished, test } from 'vitest';
import type { Loop, Role, RoleConfig } from './role.ts';
import { type RunningRoles, startRoles } from './start-roles.ts';

@Module({})
class LoopModule {}

/** Ports as far as health looks at them; each answers until the test says otherwise. */
interface Services {
  ports: Ports;
  /** What asking the port does from now on. */
  answer: { store: () => Promise<unknown>; stream: () => Promise<unknown>; history: () => Promise<unknown> };
}

function services(): Services {
  const answer = { store: async () => ({}), stream: async () => 0, history: async () => [] };
  const ports = {
    store: { cells: [{ epoch: () => answer.store() }] },
    stream: { lag: () => answer.stream() },
    history: { ping: () => answer.history() },
    settings: { serverKind: 'cloud' },
    log: silentLogger,
  } as unknown as Ports;
  return { ports, answer };
}

const config = { mode: 'serve', http: { host: '127.0.0.1', port: 0 }, version: '1.2.3' } as Config & RoleConfig;

function executor(loop: Loop): Role {
  return { name: 'executor', needs: ['store'], loopModule: () => ({ module: LoopModule }), loops: () => [loop] };
}

const restingLoop: Loop = { start: () => undefined, stop: async () => undefined };

async function running(roles: Role[], ports: Ports): Promise<RunningRoles> {
  const started = await startRoles(roles, ports, config);
  onTestFinished(() => started.stop());
  return started;
}

async function get(url: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url);
  return { status: response.status, body: await response.json() };
}

test('[H2] a role without routes answers for its health all the same', async () => {
  const { http } = await running([executor(restingLoop)], services().ports);

  expect(await get(`${http.url}/health`)).toEqual({ status: 200, body: { status: 200, message: 'OK' } });
  expect(await get(`${http.url}/ready`)).toEqual({ status: 200, body: { status: 200, message: 'OK' } });
});

test('a process is ready when what its roles need answers, and nothing else counts', async () => {
  const { ports, answer } = services();
  const { http } = await running([executor(restingLoop)], ports);

  answer.stream = () => Promise.reject(new Error('down'));
  answer.history = () => Promise.reject(new Error('down'));
  expect((await get(`${http.url}/ready`)).status).toBe(200);

  answer.store = () => Promise.reject(new Error('down'));
  expect(await get(`${http.url}/ready`)).toEqual({
    status: 503,
    body: { status: 503, message: 'Not ready', problems: ['the store failed: down'] },
  });
  expect((await get(`${http.url}/health`)).status).toBe(200);
});

test('a port that hangs holds up the answer for less than 3 seconds', async () => {
  const { ports, answer } = services();
  const { http } = await running([executor(restingLoop)], ports);
  answer.store = () => new Promise(() => undefined);
  const startedAt = performance.now();

  const { body } = await get(`${http.url}/ready`);

  expect(body).toMatchObject({ problems: ['the store does not answer'] });
  expect(performance.now() - startedAt).toBeLessThan(3_000);
});

test('a process is not ready before its loops run, and from the moment on when it stops', async () => {
  const draining = Promise.withResolvers<void>();
  const loop: Loop = { start: () => undefined, stop: () => draining.promise };
  let whileStarting: unknown;

  const roles = await startRoles([executor(loop)], services().ports, config, async (http) => {
    whileStarting = await get(`${http.url}/ready`);
  });
  const stopping = roles.stop();
  const whileStopping = await get(`${roles.http.url}/ready`);
  draining.resolve();
  await stopping;

  expect(whileStarting).toMatchObject({ status: 503, body: { problems: ['the process is starting'] } });
  expect(whileStopping).toMatchObject({ status: 503, body: { problems: ['the process is stopping'] } });
  await expect(fetch(`${roles.http.url}/health`)).rejects.toThrow('fetch failed');
});

test('a loop that ends by itself is told', async () => {
  const failing = Promise.withResolvers<Error>();
  const roles = await running([executor({ ...restingLoop, failed: failing.promise })], services().ports);

  failing.resolve(new Error('no more'));

  expect(await roles.failed).toMatchObject({ message: 'no more' });
});

test('a role that does not start takes the others with it', async () => {
  let isStopped = false;
  const first: Loop = { start: () => undefined, stop: async () => void (isStopped = true) };
  const second: Loop = {
    ...restingLoop,
    start: () => {
      throw new Error('cannot start');
    },
  };

  await expect(startRoles([executor(first), executor(second)], services().ports, config)).rejects.toThrow(
    'cannot start',
  );

  expect(isStopped).toBe(true);
});
