import { silentLogger } from '@perdure/telemetry';
import { expect, test } from 'vitest';
import { BackgroundLoop } from './background-loop.ts';

const IDLE_MS = 60_000;

test('a nudge during a pass makes another pass follow', async () => {
  let passes = 0;
  const gate = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const loop = new BackgroundLoop({
    name: 'test',
    log: silentLogger,
    pass: async () => {
      passes += 1;
      if (passes === 1) await gate.promise;
      if (passes === 2) second.resolve();
      return IDLE_MS;
    },
  });

  loop.start();
  loop.nudge();
  gate.resolve();
  await second.promise;
  await loop.stop();

  expect(passes).toBe(2);
});

test('stopping waits for the pass under way and begins no other', async () => {
  let passes = 0;
  const gate = Promise.withResolvers<void>();
  const loop = new BackgroundLoop({
    name: 'test',
    log: silentLogger,
    pass: async () => {
      passes += 1;
      await gate.promise;
      return 0;
    },
  });

  loop.start();
  const stopping = loop.stop();
  loop.nudge();
  gate.resolve();
  await stopping;

  expect(passes).toBe(1);
});

test('a pass that fails is tried again', async () => {
  let passes = 0;
  const recovered = Promise.withResolvers<void>();
  const loop = new BackgroundLoop({
    name: 'test',
    log: silentLogger,
    pass: async () => {
      passes += 1;
      if (passes === 1) throw new Error('out of order');
      recovered.resolve();
      return IDLE_MS;
    },
  });

  loop.start();
  await recovered.promise;
  await loop.stop();

  expect(passes).toBe(2);
});
