import { once } from 'node:events';
import { connect } from 'node:net';

import { assert } from '@perdure/domain';
import { expect, test } from 'vitest';

import { type MortalService, startMortalService } from './mortal-service.ts';

async function aRedis(stop: (end: () => Promise<void>) => void): Promise<MortalService> {
  const redis = await startMortalService('redis');
  assert(redis.kind === 'started', 'this test needs a Redis');
  stop(redis.stop);
  return redis;
}

async function answerTo(url: string, command: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, 'connect');
    socket.write(`${command}\r\n`);
    return String((await once(socket, 'data'))[0]).trim();
  } finally {
    socket.destroy();
  }
}

test('a killed service comes back at the same URL with its data', async (ctx) => {
  const redis = await aRedis(ctx.onTestFinished);
  expect(await answerTo(redis.url, 'SET kept yes')).toBe('+OK');

  await redis.kill();
  await expect(answerTo(redis.url, 'PING')).rejects.toThrow('ECONNREFUSED');
  await redis.start();

  expect(await answerTo(redis.url, 'GET kept')).toBe('$3\r\nyes');
});

test('a frozen service answers when it is thawed', async (ctx) => {
  const redis = await aRedis(ctx.onTestFinished);
  redis.freeze();
  const answer = answerTo(redis.url, 'PING');
  let hasAnswered = false;
  void answer.then(() => (hasAnswered = true));

  // A second Redis that has started and answered in the meantime: long enough for the first one.
  expect(await answerTo((await aRedis(ctx.onTestFinished)).url, 'PING')).toBe('+PONG');
  expect(hasAnswered).toBe(false);

  redis.thaw();
  expect(await answer).toBe('+PONG');
});

test.for(['nats', 'postgres'] as const)('%s can be killed and started again, and stopped', async (name, ctx) => {
  const service = await startMortalService(name);
  assert(service.kind === 'started', `this test needs ${name}`);
  ctx.onTestFinished(service.stop);

  for (let i = 0; i < 2; i += 1) {
    await service.kill();
    await service.start();
  }

  await service.stop();
  await expect(answerTo(service.url, '')).rejects.toThrow('ECONNREFUSED');
});
