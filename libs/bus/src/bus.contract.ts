import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { Bus, LiveUpdate } from './bus.ts';

/** Opens a bus that shares nothing with others; `onError` is told what receivers throw. */
export type OpenBus = (onError: (error: unknown) => void) => Promise<Bus>;

/** What every driver of the bus must show. A driver may lose messages in its worst hour, but not in a quiet test. */
export function describeBus(name: string, open: OpenBus): void {
  describe(`bus ${name}`, () => {
    let bus: Bus;
    let errors: unknown[];

    beforeEach(async () => {
      errors = [];
      bus = await open((error) => errors.push(error));
    });

    afterEach(() => bus.close());

    /** Resolves when a message published now has reached this receiver: later than any earlier one. */
    function arrival(topic: 'jobs-ready' | 'outbox-filled'): Promise<void> {
      return new Promise((resolve) => {
        const leave = bus.subscribe(topic, () => {
          leave();
          resolve();
        });
        bus.publish(topic, { cell: 0 });
      });
    }

    test('every subscriber of a topic receives a message, and those of other topics do not', async () => {
      const received: string[] = [];
      bus.subscribe('jobs-ready', () => received.push('first'));
      bus.subscribe('jobs-ready', () => received.push('second'));
      bus.subscribe('functions-changed', () => received.push('other'));

      await arrival('jobs-ready');

      expect(received.toSorted()).toEqual(['first', 'second']);
    });

    test('a receiver is given what was published', async () => {
      const cells: number[] = [];
      bus.subscribe('jobs-ready', ({ cell }) => cells.push(cell));

      bus.publish('jobs-ready', { cell: 3 });
      bus.publish('jobs-ready', { cell: 1_023 });
      await arrival('jobs-ready');

      expect(cells).toEqual([3, 1_023, 0]);
    });

    test('of live updates that are alike each one arrives, whole and in order', async () => {
      const received: LiveUpdate[] = [];
      bus.subscribe('realtime', (update) => received.push(update));
      const large = { head: '{"n":2}', body: `\n"ä${'\u0001'.repeat(512 * 1024)}` };
      const update = { head: '{"n":1}', body: 'line\nline' };

      for (const each of [update, update, large, update]) bus.publish('realtime', each);
      await arrival('jobs-ready');

      expect(received).toEqual([update, update, large, update]);
      expect(errors).toEqual([]);
    });

    test('receivers in the same process are called before anything else happens', async () => {
      const order: string[] = [];
      bus.subscribe('jobs-ready', () => order.push('received'));
      const turn = new Promise<void>((resolve) => setImmediate(resolve)).then(() => order.push('next turn'));

      bus.publish('jobs-ready', { cell: 0 });
      await turn;

      expect(order).toEqual(['received', 'next turn']);
    });

    test('while nothing is lost no gap is told', async () => {
      let gaps = 0;
      const leave = bus.onGap(() => gaps++);

      await arrival('jobs-ready');
      leave();
      leave();

      expect(gaps).toBe(0);
    });

    test('publishing returns before any receiver runs', async () => {
      const order: string[] = [];
      bus.subscribe('jobs-ready', () => order.push('received'));

      bus.publish('jobs-ready', { cell: 0 });
      order.push('published');
      await arrival('outbox-filled');

      expect(order[0]).toBe('published');
    });

    test('a receiver that throws is reported and stops neither the others nor the publisher', async () => {
      const received: string[] = [];
      bus.subscribe('jobs-ready', () => {
        throw new Error('receiver broke');
      });
      bus.subscribe('jobs-ready', () => received.push('second'));

      await arrival('jobs-ready');

      expect(received).toEqual(['second']);
      expect(errors).toEqual([new Error('receiver broke')]);
    });

    test('one that left receives nothing more, and leaving twice is harmless', async () => {
      const received: string[] = [];
      const receive = (): void => void received.push('received');
      const leave = bus.subscribe('jobs-ready', receive);
      bus.subscribe('jobs-ready', receive);

      leave();
      leave();
      await arrival('jobs-ready');

      expect(received).toEqual(['received']);
    });

    test('a message to nobody is lost without an error', async () => {
      bus.publish('functions-changed', {});
      await arrival('jobs-ready');

      expect(errors).toEqual([]);
    });

    test('a closed bus delivers nothing and takes everything', async () => {
      const received: string[] = [];
      bus.subscribe('jobs-ready', () => received.push('before'));

      bus.publish('jobs-ready', { cell: 0 });
      await bus.close();
      bus.publish('jobs-ready', { cell: 0 });
      bus.subscribe('jobs-ready', () => received.push('after'));
      bus.publish('jobs-ready', { cell: 0 });
      await Promise.resolve();

      expect(received).toEqual([]);
    });
  });
}
