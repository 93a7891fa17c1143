import fc from 'fast-check';
import { expect, test } from 'vitest';

import { VirtualTime } from './virtual-time.ts';

test('actions happen in the order of their instants, and of their planning where these are the same', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 20 }), { maxLength: 60 }), (delays) => {
      const time = new VirtualTime();
      const happened: { delay: number; at: number; index: number }[] = [];
      for (const [index, delay] of delays.entries()) {
        time.after(delay, () => happened.push({ delay, at: time.elapsedMs, index }));
      }

      time.run(Infinity);

      const expected = delays
        .map((delay, index) => ({ delay, at: delay, index }))
        .toSorted((a, b) => a.delay - b.delay || a.index - b.index);
      expect(happened).toEqual(expected);
    }),
  );
});

test('time goes on to the end of a span in which nothing happens, and no action behind it happens', () => {
  const time = new VirtualTime();
  let happened = 0;
  time.after(100, () => {
    happened += 1;
  });

  time.run(time.now + 99);
  expect([time.elapsedMs, happened]).toEqual([99, 0]);
  time.run(time.now + 1);
  expect([time.elapsedMs, happened]).toEqual([100, 1]);
});
