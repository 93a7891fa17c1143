import { expect, test } from 'vitest';

import { startPlay } from '../scenarios/play.ts';
import { isGood } from '../scenarios/scenario.ts';
import { World } from '../world/world.ts';
import { fairnessOf, jainIndex } from './fairness.ts';
import { Findings } from './findings.ts';
import { IdleSlotsObserver } from './idle-slots-observer.ts';
import { TokensObserver } from './tokens-observer.ts';
import { percentile } from './waits.ts';

function aWorld(): World {
  return new World({ seed: 1, executors: 2, slotsEach: 4 });
}

test('more holders than a limit allows are found, whatever the store thinks the limit is', () => {
  const world = aWorld();
  const fn = world.addFunction({ functionId: 'fn', concurrency: 3 }, { callMs: 10 });
  for (let i = 0; i < 20; i++) world.schedule({ fn, tenant: 't', group: 'g', steps: [] });

  fn.limits = { ...fn.limits, concurrency: 2 };
  world.time.run(world.time.now + 1000);

  expect(world.violations.examples[0]).toMatch(/^function fn had 3 holders of 2/);
});

test('a grant to a function that should be paused is found', () => {
  const world = aWorld();
  const fn = world.addFunction({ functionId: 'fn' }, { callMs: 10 });
  world.schedule({ fn, tenant: 't', group: 'g', steps: [] });

  fn.isPaused = true;
  world.time.run(world.time.now + 1000);

  expect(world.violations.examples[0]).toMatch(/while its function is paused/);
});

test('a ready job that nobody is given while slots are free is found', () => {
  const world = aWorld();
  const idle = new IdleSlotsObserver(world, 20);
  const fn = world.addFunction({ functionId: 'fn' }, { callMs: 10 });
  const run = world.schedule({ fn, tenant: 't', group: 'g', steps: [{ kind: 'sleep', sleepMs: 60_000 }] });
  world.time.run(world.time.now + 1000);
  expect(idle.findings.count).toBe(0);

  if (run) world.ready.add(run, world.time.now);
  world.time.run(world.time.now + 5000);

  expect(idle.findings.examples[0]).toMatch(/^1 jobs of fn .*waited for nothing/);
});

test('a job that is given away before it is ready is found', () => {
  const world = aWorld();
  const fn = world.addFunction({ functionId: 'fn' }, { callMs: 10 });
  const run = world.schedule({ fn, tenant: 't', group: 'g', steps: [] });

  if (run) world.ready.drop(run);
  world.time.run(world.time.now + 1000);

  expect(world.violations.examples[0]).toMatch(/was granted .* that was not ready/);
});

test('a run that nobody will go on with is stuck', () => {
  const { world, finish } = startPlay({ scenario: 'x', played: 'x', seed: 1, executors: 1, slotsEach: 1 });
  const fn = world.addFunction({ functionId: 'fn' }, { callMs: 10 });
  world.schedule({ fn, tenant: 't', group: 'g', steps: [] });
  world.store.run('setFunctionState', { functionId: 'fn', state: 'paused' });

  const report = finish({});

  expect(report.stuck[0]).toMatch(/of fn: not started, 1 jobs ready$/);
  expect(report.idleSlots.count).toBeGreaterThan(0);
  expect(isGood(report)).toBe(false);
});

test('an executor that died holds nothing up for longer than its leases', () => {
  const world = new World({ seed: 1, executors: 1, slotsEach: 1, leaseMs: 3000 });
  const fn = world.addFunction({ functionId: 'fn', concurrency: 1 }, { callMs: 1000 });
  for (let i = 0; i < 2; i++) world.schedule({ fn, tenant: 't', group: 'g', steps: [] });
  world.time.run(world.time.now + 700);

  world.executors[0]?.die(10);
  world.time.run(world.time.now + 10_000);

  expect(world.live.size).toBe(0);
  expect(world.violations.count).toBe(0);
});

test('tokens that are taken too early are found, those in time are not', () => {
  const findings = new Findings();
  const bucket = new TokensObserver('throttle', findings);
  const rate = { capacity: 2, limit: 2, periodMs: 6000 };

  for (const at of [0, 0, 3000, 6000]) bucket.take('b', rate, at);
  expect(findings.count).toBe(0);
  expect(bucket.hasToken('b', rate, 8999)).toBe(false);
  expect(bucket.hasToken('b', rate, 9000)).toBe(true);

  bucket.take('b', rate, 8990);
  expect(findings.examples).toEqual(['throttle b let number 5 through at 8990, too early']);
});

test("Jain's index is 1 of equal shares and 1/n when one has all", () => {
  expect(jainIndex([5, 5, 5, 5])).toBe(1);
  expect(jainIndex([8, 0, 0, 0])).toBe(0.25);
});

test('a share is measured by weight', () => {
  const served = new Map([
    ['a', 20],
    ['b', 10],
  ]);

  expect(fairnessOf('x', served, new Map([['a', 2]]))).toMatchObject({ count: 2, jain: 1, least: 1, most: 1 });
});

test('a percentile is the nearest rank', () => {
  const sorted = Float64Array.from([1, 2, 3, 4]);

  expect([0.5, 0.75, 0.99, 1].map((part) => percentile(sorted, part))).toEqual([2, 3, 4, 4]);
});
