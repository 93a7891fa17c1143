import { expect, test } from 'vitest';

import { testClock } from './test-clock.ts';

test('timers fire in order of their instants, those of one instant in order of scheduling', async () => {
  const clock = testClock(1_000);
  const fired: string[] = [];
  clock.schedule(1_030, () => fired.push(`late at ${clock.now()}`));
  clock.schedule(1_010, () => fired.push(`first at ${clock.now()}`));
  clock.schedule(1_010, () => fired.push(`second at ${clock.now()}`));

  await clock.advanceBy(20);

  expect(fired).toEqual(['first at 1010', 'second at 1010']);
  expect(clock.now()).toBe(1_020);
  expect(clock.pendingTimers()).toEqual([1_030]);
});

test('a timer scheduled by what a timer woke takes its turn in the same advance', async () => {
  const clock = testClock(0);
  const ticks: number[] = [];
  const loop = async (): Promise<void> => {
    while (ticks.length < 5) {
      await new Promise<void>((resolve) => void clock.schedule(clock.now() + 10, resolve));
      ticks.push(clock.now());
    }
  };

  const done = loop();
  await clock.advanceBy(35);

  expect(ticks).toEqual([10, 20, 30]);
  await clock.advanceBy(20);
  await done;
  expect(ticks).toEqual([10, 20, 30, 40, 50]);
});

test('a timer that is already due fires by itself, but after schedule has returned', async () => {
  const clock = testClock(100);
  const order: string[] = [];

  clock.schedule(50, () => order.push('woken'));
  order.push('scheduled');
  await Promise.resolve();

  expect(order).toEqual(['scheduled', 'woken']);
});

test('a cancelled timer does not fire, due or not', async () => {
  const clock = testClock(0);
  const fired: string[] = [];
  clock.schedule(0, () => fired.push('due'))();
  clock.schedule(10, () => fired.push('later'))();

  await clock.advanceBy(20);

  expect(fired).toEqual([]);
  expect(clock.pendingTimers()).toEqual([]);
});

test('time does not move back', async () => {
  await expect(testClock(100).advanceTo(99)).rejects.toThrow(/forward only/);
});
