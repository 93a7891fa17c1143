import { expect, test } from 'vitest';

import { testSignal } from './test-signal.ts';

test('a value announced before anybody waits is kept', async () => {
  const signal = testSignal<number>();

  signal.emit(1);
  signal.emit(2);

  expect(await signal.next()).toBe(1);
  expect(signal.pending()).toEqual([2]);
});

test('waiters get values in the order in which they came', async () => {
  const signal = testSignal<string>();
  const first = signal.next();
  const second = signal.next();

  signal.emit('a');
  signal.emit('b');

  expect(await Promise.all([first, second])).toEqual(['a', 'b']);
});

test('nextWhere passes over what is not wanted', async () => {
  const signal = testSignal<number>();
  const big = signal.nextWhere((value) => value > 10);

  signal.emit(3);
  signal.emit(30);

  expect(await big).toBe(30);
});

test('a wait that is not answered fails and says for what, and takes no later value', async () => {
  const signal = testSignal<number>('run finished');

  await expect(signal.next(1)).rejects.toThrow('waited 1 ms for "run finished"');

  signal.emit(7);
  expect(signal.pending()).toEqual([7]);
});
