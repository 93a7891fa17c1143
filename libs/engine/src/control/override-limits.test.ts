import { aFlowControl, aFunction, anEvent } from '@perdure/testing';
import { expect, test } from 'vitest';
import { handleEvent } from '../event/handle-event.ts';
import { LimitsLoop } from '../function/limits-loop.ts';
import { openEmbeddedPorts } from '../test/embedded-ports.ts';
import { overrideLimits } from './override-limits.ts';

const FN = aFunction({ flow: aFlowControl({ concurrency: [{ limit: 1, scope: 'fn' }] }) });
let claims = 0;

/** A function with a limit of one request, known to the store, and a backlog. */
async function startPlay({ runs = 6 } = {}) {
  const { ports, cell, clock, register } = await openEmbeddedPorts();
  await register(FN);
  await cell.setFunction(ports.catalog.limitsOf(FN));
  for (let i = 0; i < runs; i += 1) await handleEvent(ports, anEvent());
  const claim = async () => {
    const { jobs } = await cell.claim({ workerId: 'w', claimId: `c${++claims}`, jobsMax: 10, leaseMs: 60_000 });
    return jobs.length;
  };
  return { ports, cell, clock, register, claim };
}

test('an override holds for what waits already, in both directions, and is taken away', async () => {
  const { ports, claim } = await startPlay();
  expect(await claim()).toBe(1);

  expect(await overrideLimits(ports, FN.id, { concurrency: 3 })).toMatchObject({
    kind: 'overridden',
    limits: { concurrency: 3, revision: 1 },
  });
  expect(await claim()).toBe(2);

  expect(await overrideLimits(ports, FN.id, undefined)).toMatchObject({
    kind: 'overridden',
    limits: { concurrency: 1, revision: 2 },
  });
  expect(await claim()).toBe(0);
});

test('an override outlives a sync, also one that changes the number itself', async () => {
  const { ports, cell, register, claim } = await startPlay();
  await overrideLimits(ports, FN.id, { concurrency: 4 });

  const synced = { ...FN, version: 2, flow: aFlowControl({ concurrency: [{ limit: 2, scope: 'fn' as const }] }) };
  await register(synced);
  await cell.setFunction(ports.catalog.limitsOf(synced));

  expect(await claim()).toBe(4);
});

test('a slow process brings no older override back', async () => {
  const { ports, cell, claim } = await startPlay();
  await overrideLimits(ports, FN.id, { concurrency: 1_000 });
  const late = ports.catalog.limitsOf(FN);
  await overrideLimits(ports, FN.id, { concurrency: 2 });

  await cell.setFunction(late);

  expect(await claim()).toBe(2);
});

test('an override that a process did not get to tell the store arrives all the same', async () => {
  const { ports, register, claim } = await startPlay();
  const loop = new LimitsLoop(ports);
  loop.start();
  try {
    // The first half only.
    await ports.registry.overrideLimits(FN.envId, FN.id, { concurrency: 5 });
    await register(FN);

    let claimed = 0;
    await expect.poll(async () => (claimed += await claim())).toBe(5);
  } finally {
    await loop.stop();
  }
});

test('what is wrong is refused, one problem a field, and changes nothing', async () => {
  const { ports, claim } = await startPlay();

  const result = await overrideLimits(ports, FN.id, { concurrency: 0, throttle: { limit: 1 }, weight: 'much' });

  expect(result.kind === 'refused' && result.errors.map(({ path, code }) => [path, code])).toEqual([
    ['concurrency', 'concurrency_limit_invalid'],
    ['weight', 'weight_invalid'],
  ]);
  expect(await overrideLimits(ports, FN.id, { throttle: { limit: 1 } })).toMatchObject({
    kind: 'refused',
    errors: [{ functionId: FN.slug, path: 'throttle', code: 'throttle_invalid' }],
  });
  expect(ports.catalog.overrides.get(FN.id)).toBe(undefined);
  expect(await claim()).toBe(1);
});

test('a function that nobody registered has no limits', async () => {
  const { ports } = await startPlay({ runs: 0 });

  expect(await overrideLimits(ports, 'nobody', { concurrency: 1 })).toEqual({ kind: 'unknown-function' });
});
