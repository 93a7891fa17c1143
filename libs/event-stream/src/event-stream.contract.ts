import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { EpochMs } from '@perdure/domain';

import { DELIVERIES_MAX, type Delivery, type EventStream, type StreamMessage } from './event-stream.ts';

/** A stream of its own, whose time a test moves. */
export interface OpenedEventStream {
  stream: EventStream;
  now(): EpochMs;
  /** Lets time pass: what falls due in it happens. */
  advanceBy(ms: number): Promise<void>;
  /** Closes the stream and opens it again. */
  reopen(): Promise<EventStream>;
}

/** `ackWaitMs` and `dedupWindowMs` are what the suite counts on. */
export type OpenEventStream = (options: { ackWaitMs: number; dedupWindowMs: number }) => Promise<OpenedEventStream>;

const ACK_WAIT_MS = 30_000;
const DEDUP_WINDOW_MS = 120_000;

/** What every driver of the event stream must show. */
export function describeEventStream(name: string, open: OpenEventStream): void {
  describe(`event stream ${name}`, () => {
    let opened: OpenedEventStream;
    let stream: EventStream;
    const never = new AbortController().signal;

    beforeEach(async () => {
      opened = await open({ ackWaitMs: ACK_WAIT_MS, dedupWindowMs: DEDUP_WINDOW_MS });
      stream = opened.stream;
    });

    afterEach(() => stream.close());

    const messages = (...ids: string[]): StreamMessage[] => ids.map((id) => ({ id, body: `body of ${id}` }));
    const idsOf = (deliveries: Delivery[]): string[] => deliveries.map(({ id }) => id);
    const seqsOf = (deliveries: Delivery[]): number[] => deliveries.map(({ seq }) => seq);

    /** What is there for the group right now. */
    async function pullNow(group: string, messagesMax = 100): Promise<Delivery[]> {
      const stop = new AbortController();
      const pulled = stream.pull(group, messagesMax, stop.signal);
      setImmediate(() => setImmediate(() => setImmediate(() => stop.abort())));
      return pulled;
    }

    describe('appending', () => {
      test('messages are delivered in the order of appending, with what was appended', async () => {
        const answer = await stream.append(messages('a', 'b', 'c'));
        const pulled = await stream.pull('g', 10, never);

        expect(answer).toEqual({ appended: 3, duplicates: 0 });
        expect(idsOf(pulled)).toEqual(['a', 'b', 'c']);
        expect(seqsOf(pulled)).toEqual(seqsOf(pulled).toSorted((a, b) => a - b));
        expect(pulled[0]).toMatchObject({ body: 'body of a', appendedAt: opened.now(), deliveryCount: 1 });
      });

      test('an ID appended again stores nothing, in another call as in the same one', async () => {
        await stream.append(messages('a'));

        const answer = await stream.append(messages('a', 'b', 'b'));

        expect(answer).toEqual({ appended: 1, duplicates: 2 });
        expect(idsOf(await stream.pull('g', 10, never))).toEqual(['a', 'b']);
      });

      test('of one ID appended by several callers at once one is stored', async () => {
        const answers = await Promise.all(Array.from({ length: 8 }, () => stream.append(messages('same'))));

        expect(answers.reduce((sum, { appended }) => sum + appended, 0)).toBe(1);
        expect(answers.reduce((sum, { duplicates }) => sum + duplicates, 0)).toBe(7);
      });

      test('an ID is remembered after its message was acknowledged and dropped, and over a restart', async () => {
        await stream.append(messages('a'));
        await stream.ack('g', seqsOf(await stream.pull('g', 10, never)));

        stream = await opened.reopen();
        await opened.advanceBy(DEDUP_WINDOW_MS - 1);

        expect(await stream.append(messages('a'))).toEqual({ appended: 0, duplicates: 1 });
        expect(await pullNow('g')).toEqual([]);
      });

      test('any text is kept as it is', async () => {
        const body = JSON.stringify({ text: 'Grüße 😀 \u0000 " \\ \u2028', none: null }).repeat(300);
        await stream.append([{ id: 'Ünïcode 😀', body }]);

        const [delivery] = await stream.pull('g', 1, never);

        expect(delivery).toMatchObject({ id: 'Ünïcode 😀', body });
      });

      test('no messages are none', async () => {
        expect(await stream.append([])).toEqual({ appended: 0, duplicates: 0 });
      });
    });

    describe('pulling', () => {
      test('a pull takes no more than asked for, the next one goes on', async () => {
        await stream.append(messages('a', 'b', 'c'));

        expect(idsOf(await stream.pull('g', 2, never))).toEqual(['a', 'b']);
        expect(idsOf(await stream.pull('g', 2, never))).toEqual(['c']);
      });

      test('a pull waits for the next message', async () => {
        const pulled = stream.pull('g', 10, never);
        await stream.append(messages('a'));

        expect(idsOf(await pulled)).toEqual(['a']);
      });

      test('each message goes to one of several waiting pulls of a group', async () => {
        const stop = new AbortController();
        const pulls = [
          stream.pull('g', 1, stop.signal),
          stream.pull('g', 1, stop.signal),
          stream.pull('g', 1, stop.signal),
        ];

        await stream.append(messages('a', 'b'));
        const pulled = await Promise.all([pulls[0], pulls[1]]);
        stop.abort();

        expect(pulled.flatMap((deliveries) => idsOf(deliveries ?? [])).toSorted()).toEqual(['a', 'b']);
        expect(await pulls[2]).toEqual([]);
      });

      test('an aborted pull answers with nothing and takes nothing', async () => {
        const stop = new AbortController();
        const pulled = stream.pull('g', 10, stop.signal);
        stop.abort();
        expect(await pulled).toEqual([]);
        expect(await stream.pull('g', 10, stop.signal)).toEqual([]);

        await stream.append(messages('a'));

        expect(idsOf(await stream.pull('g', 10, never))).toEqual(['a']);
      });

      test('closing ends the pulls that wait', async () => {
        const pulled = stream.pull('g', 10, never);
        await stream.append([]);

        await stream.close();

        expect(await pulled).toEqual([]);
        await expect(stream.append(messages('a'))).rejects.toMatchObject({ code: 'STREAM_CLOSED' });
      });

      test('every group gets every message, also one that comes later', async () => {
        await stream.append(messages('a', 'b'));
        const first = await stream.pull('first', 10, never);
        const second = await stream.pull('second', 10, never);
        await stream.ack('first', seqsOf(first));

        expect(idsOf(second)).toEqual(['a', 'b']);
        expect([await stream.lag('first'), await stream.lag('second')]).toEqual([0, 2]);
      });
    });

    describe('acknowledging', () => {
      test('what is acknowledged is not delivered again, not even after a restart', async () => {
        await stream.append(messages('a', 'b', 'c'));
        const pulled = await stream.pull('g', 10, never);
        await stream.ack('g', [pulled[1]?.seq ?? -1]);

        await opened.advanceBy(ACK_WAIT_MS);
        const again = await stream.pull('g', 10, never);
        await stream.ack('g', [again[0]?.seq ?? -1]);
        stream = await opened.reopen();

        expect(idsOf(again)).toEqual(['a', 'c']);
        expect(idsOf(await stream.pull('g', 10, never))).toEqual(['c']);
      });

      test('acknowledging again, or what does not exist, changes nothing', async () => {
        await stream.append(messages('a', 'b'));
        const [first] = await stream.pull('g', 1, never);

        await stream.ack('g', [first?.seq ?? -1, first?.seq ?? -1, 4_711]);
        await stream.ack('g', [first?.seq ?? -1]);

        expect(await stream.lag('g')).toBe(1);
        expect(idsOf(await stream.pull('g', 10, never))).toEqual(['b']);
      });

      test('lag counts what is undelivered and what is unacknowledged', async () => {
        await stream.append(messages('a', 'b', 'c'));
        expect(await stream.lag('g')).toBe(3);

        const [first] = await stream.pull('g', 2, never);
        expect(await stream.lag('g')).toBe(3);

        await stream.ack('g', [first?.seq ?? -1]);
        expect(await stream.lag('g')).toBe(2);
      });
    });

    describe('redelivering', () => {
      test('what is neither acknowledged nor put back comes again when the ack wait has passed', async () => {
        await stream.append(messages('a', 'b'));
        const first = await stream.pull('g', 10, never);
        await stream.ack('g', [first[1]?.seq ?? -1]);

        await opened.advanceBy(ACK_WAIT_MS - 1);
        expect(await pullNow('g')).toEqual([]);
        const waiting = stream.pull('g', 10, never);
        await opened.advanceBy(1);

        expect(await waiting).toEqual([{ ...first[0], deliveryCount: 2 }]);
      });

      test('what was delivered and not acknowledged comes again at once after a restart, and is counted', async () => {
        await stream.append(messages('a', 'b'));
        const first = await stream.pull('g', 1, never);

        stream = await opened.reopen();
        const second = await stream.pull('g', 10, never);
        stream = await opened.reopen();
        const third = await stream.pull('g', 1, never);

        expect(idsOf(second)).toEqual(['a', 'b']);
        expect([first, second, third].map((pulled) => pulled[0]?.deliveryCount)).toEqual([1, 2, 3]);
        expect(second[1]?.deliveryCount).toBe(1);
      });

      test('what is put back comes again after its delay, not before', async () => {
        await stream.append(messages('a'));
        const [first] = await stream.pull('g', 10, never);
        await stream.putBack('g', first?.seq ?? -1, 5_000, 'later');

        await opened.advanceBy(4_999);
        expect(await pullNow('g')).toEqual([]);
        const waiting = stream.pull('g', 10, never);
        await opened.advanceBy(1);

        expect(await waiting).toEqual([{ ...first, deliveryCount: 2 }]);
      });

      test('the delay and the count of what was put back survive a restart', async () => {
        await stream.append(messages('a', 'b'));
        const [first] = await stream.pull('g', 1, never);
        await stream.putBack('g', first?.seq ?? -1, 5_000, 'later');

        stream = await opened.reopen();
        expect(idsOf(await stream.pull('g', 10, never))).toEqual(['b']);
        await opened.advanceBy(5_000);

        expect(await stream.pull('g', 10, never)).toEqual([{ ...first, deliveryCount: 2 }]);
        expect(await pullNow('g')).toEqual([]);
      });

      test('what is due again comes in the order of its instants, before what is fresh', async () => {
        await stream.append(messages('a', 'b'));
        const [a, b] = await stream.pull('g', 10, never);
        await stream.putBack('g', a?.seq ?? -1, 2_000, 'later');
        await stream.putBack('g', b?.seq ?? -1, 1_000, 'sooner');
        await stream.append(messages('c'));
        await opened.advanceBy(2_000);

        expect(idsOf(await stream.pull('g', 10, never))).toEqual(['b', 'a', 'c']);
      });

      test('putting back what is not in hand changes nothing', async () => {
        await stream.append(messages('a'));
        const [first] = await stream.pull('g', 10, never);
        await stream.ack('g', [first?.seq ?? -1]);

        await stream.putBack('g', first?.seq ?? -1, 0, 'too late');
        await stream.putBack('g', 4_711, 0, 'never seen');

        expect(await pullNow('g')).toEqual([]);
        expect(await stream.lag('g')).toBe(0);
      });

      test('what was put back may still be acknowledged', async () => {
        await stream.append(messages('a'));
        const [first] = await stream.pull('g', 10, never);
        await stream.putBack('g', first?.seq ?? -1, 1_000, 'later');

        await stream.ack('g', [first?.seq ?? -1]);
        await opened.advanceBy(1_000);

        expect(await pullNow('g')).toEqual([]);
        expect(await stream.lag('g')).toBe(0);
      });
    });

    describe('giving up', () => {
      test(`a message put back ${DELIVERIES_MAX} times goes to the dead letters`, async () => {
        await stream.append(messages('a', 'b'));
        for (let count = 1; count <= DELIVERIES_MAX; count++) {
          const [delivery] = await stream.pull('g', 1, never);
          expect(delivery).toMatchObject({ id: 'a', deliveryCount: count });
          await stream.putBack('g', delivery?.seq ?? -1, 0, `failure ${count}`);
        }

        expect(idsOf(await stream.pull('g', 10, never))).toEqual(['b']);
        expect(await stream.readDeadLetters('g', 10)).toMatchObject([
          { id: 'a', body: 'body of a', deliveryCount: DELIVERIES_MAX, reason: `failure ${DELIVERIES_MAX}` },
        ]);
        expect(await stream.lag('g')).toBe(1);
      });

      test(`a message left unacknowledged ${DELIVERIES_MAX} times goes to the dead letters, for good`, async () => {
        await stream.append(messages('a'));
        for (let count = 1; count <= DELIVERIES_MAX; count++) {
          expect(await stream.pull('g', 1, never)).toMatchObject([{ id: 'a', deliveryCount: count }]);
          await opened.advanceBy(ACK_WAIT_MS);
        }
        expect(await pullNow('g')).toEqual([]);

        stream = await opened.reopen();

        expect(await pullNow('g')).toEqual([]);
        expect(await stream.readDeadLetters('g', 10)).toMatchObject([{ id: 'a', deliveryCount: DELIVERIES_MAX }]);
      });

      test('dead letters belong to the group, oldest first, as many as asked for', async () => {
        await stream.append(messages('a', 'b'));
        await stream.pull('other', 10, never);
        for (let count = 0; count < DELIVERIES_MAX; count++) {
          for (const { seq } of await stream.pull('g', 10, never)) await stream.putBack('g', seq, 0, 'broken');
        }

        expect(idsOf(await stream.readDeadLetters('g', 1))).toEqual(['a']);
        expect(idsOf(await stream.readDeadLetters('g', 10))).toEqual(['a', 'b']);
        expect(await stream.readDeadLetters('other', 10)).toEqual([]);
        expect(await stream.lag('other')).toBe(2);
      });
    });
  });
}
