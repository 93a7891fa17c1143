import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { EpochMs } from '@perdure/domain';

import {
  DELIVERIES_MAX,
  type Delivery,
  type EventStream,
  type GroupName,
  type StreamedMessage,
  type StreamMessage,
} from './event-stream.ts';

/** A stream of its own, whose time a test moves. */
export interface OpenedEventStream {
  stream: EventStream;
  now(): EpochMs;
  /** Lets time pass: what falls due in it happens. */
  advanceBy(ms: number): Promise<void>;
  /** Until a pull that was begun has had the time to find what is there. */
  settle(): Promise<void>;
  /** Closes the stream and opens it again. */
  reopen(): Promise<EventStream>;
}

/** How time passes in the suite: on a test clock as in production, on the clock of a real service in short steps. */
export interface StreamTimes {
  ackWaitMs: number;
  dedupWindowMs: number;
  /** What is to be seen before an instant is looked at this long before it. */
  precisionMs: number;
}

export type OpenEventStream = (options: Pick<StreamTimes, 'ackWaitMs' | 'dedupWindowMs'>) => Promise<OpenedEventStream>;

/** What every driver of the event stream must show. */
export function describeEventStream(name: string, times: StreamTimes, open: OpenEventStream): void {
  describe(`event stream ${name}`, () => {
    const { ackWaitMs, dedupWindowMs, precisionMs } = times;
    /** Of what is put back for later. */
    const delayMs = ackWaitMs;
    let opened: OpenedEventStream;
    let stream: EventStream;
    const never = new AbortController().signal;

    beforeEach(async () => {
      opened = await open({ ackWaitMs, dedupWindowMs });
      stream = opened.stream;
    });

    afterEach(() => stream.close());

    const messages = (...ids: string[]): StreamMessage[] =>
      ids.map((id) => ({ id, topic: 'events', body: `body of ${id}` }));
    const records = (...ids: string[]): StreamMessage[] =>
      messages(...ids).map((one) => ({ ...one, topic: 'records' }));
    const idsOf = (deliveries: StreamedMessage[]): string[] => deliveries.map(({ id }) => id);
    const seqsOf = (deliveries: Delivery[]): number[] => deliveries.map(({ seq }) => seq);

    /** What is there for the group right now. */
    async function pullNow(group: GroupName, messagesMax = 100): Promise<Delivery[]> {
      const stop = new AbortController();
      const pulled = stream.pull(group, messagesMax, stop.signal);
      await opened.settle();
      stop.abort();
      return pulled;
    }

    /** The next `count` messages, in however many answers they come. */
    async function pullCount(group: GroupName, count: number): Promise<Delivery[]> {
      const pulled: Delivery[] = [];
      while (pulled.length < count) pulled.push(...(await stream.pull(group, count - pulled.length, never)));
      return pulled;
    }

    const expectLag = (group: GroupName): ReturnType<typeof expect.poll> => expect.poll(() => stream.lag(group));

    describe('appending', () => {
      test('messages are delivered in the order of appending, with what was appended', async () => {
        const answer = await stream.append(messages('a', 'b', 'c'));
        const pulled = await pullCount('runner', 3);

        expect(answer).toEqual({ appended: 3, duplicates: 0 });
        expect(idsOf(pulled)).toEqual(['a', 'b', 'c']);
        expect(seqsOf(pulled)).toEqual(seqsOf(pulled).toSorted((a, b) => a - b));
        expect(pulled[0]).toMatchObject({ topic: 'events', body: 'body of a', deliveryCount: 1 });
        expect(Math.abs((pulled[0]?.appendedAt ?? 0) - opened.now())).toBeLessThanOrEqual(precisionMs);
      });

      test('an ID appended again stores nothing, in another call as in the same one', async () => {
        await stream.append(messages('a'));

        const answer = await stream.append(messages('a', 'b', 'b'));

        expect(answer).toEqual({ appended: 1, duplicates: 2 });
        expect(idsOf(await pullCount('runner', 2))).toEqual(['a', 'b']);
      });

      test('of one ID appended by several callers at once one is stored', async () => {
        const answers = await Promise.all(Array.from({ length: 8 }, () => stream.append(messages('same'))));

        expect(answers.reduce((sum, { appended }) => sum + appended, 0)).toBe(1);
        expect(answers.reduce((sum, { duplicates }) => sum + duplicates, 0)).toBe(7);
      });

      test('an ID is remembered after its message was acknowledged and dropped, and over a restart', async () => {
        await stream.append(messages('a'));
        for (const group of ['runner', 'recorder'] as const) {
          await stream.ack(group, seqsOf(await stream.pull(group, 10, never)));
        }

        stream = await opened.reopen();
        await opened.advanceBy(dedupWindowMs - precisionMs);

        expect(await stream.append(messages('a'))).toEqual({ appended: 0, duplicates: 1 });
        expect(await pullNow('runner')).toEqual([]);
      });

      test('any text is kept as it is', async () => {
        const body = JSON.stringify({ text: 'Grüße 😀 \u0000 " \\ \u2028', none: null }).repeat(300);
        await stream.append([{ id: 'Ünïcode 😀 %20', topic: 'events', body }]);

        const [delivery] = await stream.pull('runner', 1, never);

        expect(delivery).toMatchObject({ id: 'Ünïcode 😀 %20', body });
      });

      test('large bodies pass, in their place among small ones', async () => {
        const large = Array.from({ length: 300_000 }, (_, index) => `${index} ä`).join();
        expect(large.length).toBeGreaterThan(2_000_000);

        await stream.append([...messages('a'), { id: 'large', topic: 'events', body: large }, ...messages('b')]);
        const pulled = await pullCount('runner', 3);

        expect(idsOf(pulled)).toEqual(['a', 'large', 'b']);
        expect(pulled[1]?.body === large).toBe(true);
        await stream.ack('runner', seqsOf(pulled));
        await expectLag('runner').toBe(0);
      });

      test('no messages are none', async () => {
        expect(await stream.append([])).toEqual({ appended: 0, duplicates: 0 });
      });
    });

    describe('pulling', () => {
      test('a pull takes no more than asked for, the next one goes on', async () => {
        await stream.append(messages('a', 'b', 'c'));

        expect(idsOf(await stream.pull('runner', 2, never))).toEqual(['a', 'b']);
        expect(idsOf(await stream.pull('runner', 2, never))).toEqual(['c']);
      });

      test('a pull waits for the next message', async () => {
        const pulled = stream.pull('runner', 10, never);
        await stream.append(messages('a'));

        expect(idsOf(await pulled)).toEqual(['a']);
      });

      test('each message goes to one of several waiting pulls of a group', async () => {
        const stop = new AbortController();
        const pulled: string[] = [];
        const pulls = [1, 2, 3].map(async () => pulled.push(...idsOf(await stream.pull('runner', 1, stop.signal))));
        await opened.settle();

        await stream.append(messages('a', 'b'));
        await expect.poll(() => pulled.toSorted()).toEqual(['a', 'b']);
        stop.abort();
        await Promise.all(pulls);

        expect(pulled).toHaveLength(2);
      });

      test('an aborted pull answers with nothing and takes nothing', async () => {
        const stop = new AbortController();
        const pulled = stream.pull('runner', 10, stop.signal);
        stop.abort();
        expect(await pulled).toEqual([]);
        expect(await stream.pull('runner', 10, stop.signal)).toEqual([]);

        await stream.append(messages('a'));

        expect(idsOf(await stream.pull('runner', 10, never))).toEqual(['a']);
      });

      test('closing ends the pulls that wait', async () => {
        const pulled = stream.pull('runner', 10, never);
        await stream.append([]);

        await stream.close();

        expect(await pulled).toEqual([]);
        await expect(stream.append(messages('a'))).rejects.toMatchObject({ code: 'STREAM_CLOSED' });
      });

      test('every group gets every message of its topics, whatever other groups do', async () => {
        await stream.append([...messages('a'), ...records('r'), ...messages('b')]);
        const ofRunner = await pullCount('runner', 2);
        await stream.ack('runner', seqsOf(ofRunner));
        await opened.advanceBy(ackWaitMs);
        const ofRecorder = await pullCount('recorder', 3);

        expect(idsOf(ofRunner)).toEqual(['a', 'b']);
        expect(ofRecorder.map(({ id, topic }) => [id, topic])).toEqual([
          ['a', 'events'],
          ['r', 'records'],
          ['b', 'events'],
        ]);
        expect(await pullNow('runner')).toEqual([]);
        await expectLag('runner').toBe(0);
        await expectLag('recorder').toBe(3);
      });

      test('one topic alone wakes only the group that reads it', async () => {
        const stop = new AbortController();
        const ofRunner = stream.pull('runner', 10, stop.signal);
        await stream.append(records('r'));

        expect(idsOf(await stream.pull('recorder', 10, never))).toEqual(['r']);
        stop.abort();
        expect(await ofRunner).toEqual([]);
      });
    });

    describe('acknowledging', () => {
      test('what is acknowledged is not delivered again, not even after a restart', async () => {
        await stream.append(messages('a', 'b', 'c'));
        const pulled = await pullCount('runner', 3);
        await stream.ack('runner', [pulled[1]?.seq ?? -1]);

        await opened.advanceBy(ackWaitMs);
        const again = await pullCount('runner', 2);
        await stream.ack('runner', [again[0]?.seq ?? -1]);
        stream = await opened.reopen();

        expect(idsOf(again)).toEqual(['a', 'c']);
        expect(idsOf(await stream.pull('runner', 10, never))).toEqual(['c']);
      });

      test('acknowledging again, or what does not exist, changes nothing', async () => {
        await stream.append(messages('a', 'b'));
        const [first] = await stream.pull('runner', 1, never);

        await stream.ack('runner', [first?.seq ?? -1, first?.seq ?? -1, 4_711]);
        await stream.ack('runner', [first?.seq ?? -1]);

        await expectLag('runner').toBe(1);
        expect(idsOf(await stream.pull('runner', 10, never))).toEqual(['b']);
      });

      test('lag counts what is undelivered and what is unacknowledged', async () => {
        await stream.append(messages('a', 'b', 'c'));
        await expectLag('runner').toBe(3);

        const [first] = await pullCount('runner', 2);
        await expectLag('runner').toBe(3);

        await stream.ack('runner', [first?.seq ?? -1]);
        await expectLag('runner').toBe(2);
      });
    });

    describe('redelivering', () => {
      test('what is neither acknowledged nor put back comes again when the ack wait has passed', async () => {
        await stream.append(messages('a', 'b'));
        const first = await pullCount('runner', 2);
        await stream.ack('runner', [first[1]?.seq ?? -1]);

        await opened.advanceBy(ackWaitMs - precisionMs);
        expect(await pullNow('runner')).toEqual([]);
        const waiting = stream.pull('runner', 10, never);
        await opened.advanceBy(precisionMs);

        expect(await waiting).toEqual([{ ...first[0], deliveryCount: 2 }]);
      });

      test('what is extended comes again when another ack wait has passed', async () => {
        await stream.append(messages('a', 'b'));
        const [a, b] = await pullCount('runner', 2);

        await opened.advanceBy(ackWaitMs - precisionMs);
        await stream.extend('runner', [a?.seq ?? -1, 4_711]);
        await opened.advanceBy(precisionMs);
        const again = await stream.pull('runner', 10, never);

        expect(again).toEqual([{ ...b, deliveryCount: 2 }]);
        await stream.ack('runner', seqsOf(again));
        await opened.advanceBy(ackWaitMs);
        expect(await stream.pull('runner', 10, never)).toEqual([{ ...a, deliveryCount: 2 }]);
      });

      test('what was delivered and not acknowledged comes again at once after a restart, and is counted', async () => {
        await stream.append(messages('a', 'b'));
        const first = await stream.pull('runner', 1, never);

        stream = await opened.reopen();
        const second = await pullCount('runner', 2);
        stream = await opened.reopen();
        const third = await pullCount('runner', 2);

        const countsOf = (pulled: Delivery[]): Record<string, number> =>
          Object.fromEntries(pulled.map(({ id, deliveryCount }) => [id, deliveryCount]));
        expect([first, second, third].map(countsOf)).toEqual([{ a: 1 }, { a: 2, b: 1 }, { a: 3, b: 2 }]);
      });

      test('what is put back comes again after its delay, not before', async () => {
        await stream.append(messages('a'));
        const [first] = await stream.pull('runner', 10, never);
        await stream.putBack('runner', first?.seq ?? -1, delayMs, 'later');

        await opened.advanceBy(delayMs - precisionMs);
        expect(await pullNow('runner')).toEqual([]);
        const waiting = stream.pull('runner', 10, never);
        await opened.advanceBy(precisionMs);

        expect(await waiting).toEqual([{ ...first, deliveryCount: 2 }]);
      });

      test('the delay and the count of what was put back survive a restart', async () => {
        await stream.append(messages('a', 'b'));
        const [first] = await stream.pull('runner', 1, never);
        await stream.putBack('runner', first?.seq ?? -1, delayMs, 'later');

        stream = await opened.reopen();
        const fresh = await stream.pull('runner', 10, never);
        await stream.ack('runner', seqsOf(fresh));
        await opened.advanceBy(delayMs);

        expect(idsOf(fresh)).toEqual(['b']);
        expect(await stream.pull('runner', 10, never)).toEqual([{ ...first, deliveryCount: 2 }]);
        expect(await pullNow('runner')).toEqual([]);
      });

      test('what is due again comes in the order of its instants, before what is fresh', async () => {
        await stream.append(messages('a', 'b'));
        const [a, b] = await pullCount('runner', 2);
        await stream.putBack('runner', a?.seq ?? -1, delayMs, 'later');
        await stream.putBack('runner', b?.seq ?? -1, delayMs / 2, 'sooner');
        await stream.append(messages('c'));
        await opened.advanceBy(delayMs + precisionMs);

        expect(idsOf(await pullCount('runner', 3))).toEqual(['b', 'a', 'c']);
      });

      test('putting back what is not in hand changes nothing', async () => {
        await stream.append(messages('a'));
        const [first] = await stream.pull('runner', 10, never);
        await stream.ack('runner', [first?.seq ?? -1]);

        await stream.putBack('runner', first?.seq ?? -1, 0, 'too late');
        await stream.putBack('runner', 4_711, 0, 'never seen');

        expect(await pullNow('runner')).toEqual([]);
        await expectLag('runner').toBe(0);
      });
    });

    describe('giving up', () => {
      async function giveUp(group: GroupName, id: string): Promise<void> {
        for (let count = 1; count <= DELIVERIES_MAX; count++) {
          const [delivery] = await stream.pull(group, 1, never);
          expect(delivery).toMatchObject({ id, deliveryCount: count });
          await stream.putBack(group, delivery?.seq ?? -1, 0, `failure ${count}`);
        }
      }

      test(`a message put back ${DELIVERIES_MAX} times goes to the dead letters`, async () => {
        await stream.append(messages('a', 'b'));
        await giveUp('runner', 'a');

        expect(idsOf(await stream.pull('runner', 10, never))).toEqual(['b']);
        expect(await stream.readDeadLetters('runner', 10)).toMatchObject([
          {
            id: 'a',
            topic: 'events',
            body: 'body of a',
            deliveryCount: DELIVERIES_MAX,
            reason: `failure ${DELIVERIES_MAX}`,
          },
        ]);
        await expectLag('runner').toBe(1);
      });

      test(`a message left unacknowledged ${DELIVERIES_MAX} times goes to the dead letters, for good`, async () => {
        await stream.append(messages('a'));
        for (let count = 1; count <= DELIVERIES_MAX; count++) {
          expect(await stream.pull('runner', 1, never)).toMatchObject([{ id: 'a', deliveryCount: count }]);
          await opened.advanceBy(ackWaitMs);
        }
        const stop = new AbortController();
        const pulled = stream.pull('runner', 10, stop.signal);
        await expectLag('runner').toBe(0);
        stop.abort();
        expect(await pulled).toEqual([]);

        stream = await opened.reopen();

        expect(await pullNow('runner')).toEqual([]);
        expect(await stream.readDeadLetters('runner', 10)).toMatchObject([{ id: 'a', deliveryCount: DELIVERIES_MAX }]);
      });

      test('dead letters belong to the group, oldest first, as many as asked for', async () => {
        await stream.append(messages('a', 'b'));
        await giveUp('runner', 'a');
        await giveUp('runner', 'b');

        expect(idsOf(await stream.readDeadLetters('runner', 1))).toEqual(['a']);
        expect(idsOf(await stream.readDeadLetters('runner', 10))).toEqual(['a', 'b']);
        expect(await stream.readDeadLetters('recorder', 10)).toEqual([]);
        await expectLag('recorder').toBe(2);
      });

      test('a dead letter that is retried is delivered again, with its ID; then it is none any more', async () => {
        await stream.append(messages('a'));
        await giveUp('runner', 'a');
        const [letter] = await stream.readDeadLetters('runner', 10);
        const seq = letter?.seq ?? -1;

        expect(await stream.retryDeadLetter('runner', seq)).toBe(true);
        const again = await stream.pull('runner', 10, never);

        expect(again).toMatchObject([{ id: 'a', topic: 'events', body: 'body of a', deliveryCount: 1 }]);
        expect(await stream.readDeadLetters('runner', 10)).toEqual([]);
        expect(await stream.retryDeadLetter('runner', seq)).toBe(false);
        await stream.ack('runner', seqsOf(again));
        await expectLag('runner').toBe(0);
      });

      test('a dead letter that is dropped is gone, the others stay', async () => {
        await stream.append(messages('a', 'b'));
        await giveUp('runner', 'a');
        await giveUp('runner', 'b');
        const [letter] = await stream.readDeadLetters('runner', 1);

        expect(await stream.dropDeadLetter('runner', letter?.seq ?? -1)).toBe(true);
        expect(await stream.dropDeadLetter('runner', letter?.seq ?? -1)).toBe(false);

        expect(idsOf(await stream.readDeadLetters('runner', 10))).toEqual(['b']);
        expect(await pullNow('runner')).toEqual([]);
      });
    });

    describe('reading again', () => {
      test('what was appended to a topic since an instant, in order and in portions', async () => {
        await stream.append([...messages('a'), ...records('r'), ...messages('b')]);
        const [a] = await stream.pull('runner', 1, never);
        await stream.ack('runner', [a?.seq ?? -1]);

        const first = await stream.readSince('events', a?.appendedAt ?? 0, 0, 1);
        const second = await stream.readSince('events', a?.appendedAt ?? 0, first[0]?.seq ?? 0, 10);
        const third = await stream.readSince('events', a?.appendedAt ?? 0, second.at(-1)?.seq ?? 0, 10);

        const { deliveryCount: _, ...message } = a ?? { deliveryCount: 0 };
        expect(first).toEqual([message]);
        expect(idsOf(second)).toEqual(['b']);
        expect(third).toEqual([]);
        expect(idsOf(await stream.readSince('records', a?.appendedAt ?? 0, 0, 10))).toEqual(['r']);
      });

      test('not what was appended before', async () => {
        await stream.append(messages('before'));
        await opened.advanceBy(precisionMs);
        const since = opened.now();
        await opened.advanceBy(precisionMs);
        await stream.append(messages('after'));

        expect(idsOf(await stream.readSince('events', since, 0, 10))).toEqual(['after']);
        expect(await stream.readSince('events', opened.now() + precisionMs, 0, 10)).toEqual([]);
      });
    });
  });
}
