import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { describeWithService } from '@perdure/testing/services/vitest';
import { expect, onTestFinished, test } from 'vitest';

import { describeEventStream } from '../../event-stream.contract.ts';
import { DELIVERIES_MAX, type Delivery, type EventStream, type StreamMessage } from '../../event-stream.ts';
import { describeStream } from './describe-stream.ts';
import { type JetStreamEventStreamOptions, openJetStreamEventStream } from './jetstream-event-stream.ts';
import type { EventStreamStatus } from './stream-status.ts';

/** The server's clock cannot be moved: time passes in short steps. */
const TIMES = { ackWaitMs: 800, dedupWindowMs: 1_500, precisionMs: 400 };
const HOUR_MS = 3_600_000;
const SOON = { timeout: 20_000, interval: 20 };
const never = new AbortController().signal;

const eventsOf = (...ids: string[]): StreamMessage[] =>
  ids.map((id) => ({ id, topic: 'events', body: `body of ${id}` }));
const idsOf = (deliveries: { id: string }[]): string[] => deliveries.map(({ id }) => id);
const seqsOf = (deliveries: Delivery[]): number[] => deliveries.map(({ seq }) => seq);

describeWithService('nats', 'event stream', ({ url }) => {
  async function aManager(): Promise<JetStreamManager> {
    const connection = await connect({ servers: new URL(url).host });
    onTestFinished(() => connection.close());
    return jetstreamManager(connection);
  }

  /** Settings of an event stream of its own, which is removed when the test ends. */
  function settings(): JetStreamEventStreamOptions & { namePrefix: string } {
    const namePrefix = `TEST_${randomUUID()}`;
    onTestFinished(async () => {
      const connection = await connect({ servers: new URL(url).host });
      const { streams } = await jetstreamManager(connection);
      for (const name of [namePrefix, `${namePrefix}_PARTS`, `${namePrefix}_DEAD`]) {
        await streams.delete(name).catch(() => undefined);
      }
      await connection.close();
    });
    return { servers: [url], replicas: 1, retentionMs: HOUR_MS, namePrefix };
  }

  /** One process's stream, closed when the test ends, and what it told. */
  async function aStream(options: JetStreamEventStreamOptions) {
    const statuses: EventStreamStatus[] = [];
    const stream = await openJetStreamEventStream({ ...options, onStatus: (status) => statuses.push(status) });
    onTestFinished(() => stream.close());
    return { stream, statuses };
  }

  async function pullCount(stream: EventStream, count: number): Promise<Delivery[]> {
    const pulled: Delivery[] = [];
    while (pulled.length < count) pulled.push(...(await stream.pull('runner', count - pulled.length, never)));
    return pulled;
  }

  describeEventStream('jetstream', TIMES, async (times) => {
    const options = { ...settings(), ...times };
    let stream = await openJetStreamEventStream(options);
    return {
      stream,
      now: () => Date.now(),
      advanceBy: (ms) => delay(ms),
      settle: () => delay(100),
      reopen: async () => {
        await stream.close();
        stream = await openJetStreamEventStream(options);
        return stream;
      },
    };
  });

  test('processes share a group: each message goes to one of them', async () => {
    const options = settings();
    const [{ stream: one }, { stream: two }] = await Promise.all([aStream(options), aStream(options)]);
    const ids = Array.from({ length: 300 }, (_, index) => `m${index}`);
    const stop = new AbortController();
    const pulled: string[] = [];
    const pullers = [one, two].map(async (stream) => {
      while (!stop.signal.aborted) pulled.push(...idsOf(await stream.pull('runner', 7, stop.signal)));
    });

    await one.append(eventsOf(...ids));
    await expect.poll(() => pulled.length, SOON).toBe(ids.length);
    stop.abort();
    await Promise.all(pullers);

    expect(pulled.toSorted()).toEqual(ids.toSorted());
  });

  test('a process that closes gives back what it had not acknowledged, at once', async () => {
    const options = settings();
    const [{ stream: one }, { stream: two }] = [await aStream(options), await aStream(options)];
    await one.append(eventsOf('a', 'b', 'c'));
    const [a] = await pullCount(one, 3);
    await one.ack('runner', [a?.seq ?? -1]);

    await one.close();

    // The ack wait is 30 s, as long as a test may take.
    expect(idsOf(await pullCount(two, 2)).toSorted()).toEqual(['b', 'c']);
  });

  test('pulls that are aborted at any moment lose nothing', async () => {
    const { stream } = await aStream(settings());
    const ids = Array.from({ length: 400 }, (_, index) => `m${index}`);
    const appended = (async () => {
      for (const id of ids) await stream.append(eventsOf(id));
    })();
    const pulled = new Set<string>();
    for (let turn = 0; pulled.size < ids.length; turn++) {
      const stop = new AbortController();
      const deliveries = stream.pull('runner', 3, stop.signal);
      setTimeout(() => stop.abort(), turn % 4);
      const arrived = await deliveries;
      for (const { id } of arrived) pulled.add(id);
      await stream.ack('runner', seqsOf(arrived));
    }
    await appended;

    expect(pulled.size).toBe(ids.length);
    await expect.poll(() => stream.lag('runner'), SOON).toBe(0);
  });

  test('a stream that is deleted is made again: appending and pulling go on, and it is told', async () => {
    const options = settings();
    const { stream, statuses } = await aStream(options);
    await stream.append(eventsOf('lost'));
    const held = await stream.pull('recorder', 1, never);
    const waiting = stream.pull('runner', 1, never);
    expect(idsOf(await waiting)).toEqual(['lost']);
    const pulled = stream.pull('runner', 1, never);

    await (await aManager()).streams.delete(options.namePrefix);
    await stream.append(eventsOf('fresh'));

    expect(idsOf(await pulled)).toEqual(['fresh']);
    expect(statuses).toContainEqual({
      kind: 'recreated',
      message: expect.stringContaining(`stream ${options.namePrefix}`),
    });
    // Of a message that nobody knows any more.
    await stream.ack('recorder', seqsOf(held));
  });

  test('a consumer that is deleted is made again, while a pull waits', async () => {
    const options = settings();
    const { stream, statuses } = await aStream(options);
    const pulled = stream.pull('runner', 1, never);
    await stream.lag('runner');

    await (await aManager()).consumers.delete(options.namePrefix, 'runner');
    await expect.poll(() => statuses.map(({ kind }) => kind), SOON).toEqual(['recreated']);
    await stream.append(eventsOf('a'));

    expect(idsOf(await pulled)).toEqual(['a']);
  });

  test('settings that have changed are brought to the server, others are left alone', async () => {
    const options = settings();
    await (await aStream(options)).stream.close();
    const { streams, consumers } = await aManager();
    await streams.update(options.namePrefix, { max_msgs: 12_345 });

    await aStream({ ...options, retentionMs: 2 * HOUR_MS, ackWaitMs: 5_000 });

    const { config } = await streams.info(options.namePrefix);
    expect(config).toMatchObject({ max_age: 2 * HOUR_MS * 1e6, max_msgs: 12_345 });
    const runner = await consumers.info(options.namePrefix, 'runner');
    expect(runner.config).toMatchObject({ ack_wait: 5_000 * 1e6, max_deliver: -1 });
  });

  test('many processes that start at once declare the same streams', async () => {
    for (let round = 0; round < 5; round += 1) {
      const options = settings();

      const opened = await Promise.all(Array.from({ length: 8 }, () => aStream(options)));

      const [first] = opened;
      await first?.stream.append(eventsOf('a'));
      for (const { stream } of opened) await expect.poll(() => stream.lag('recorder'), SOON).toBe(1);
    }
  });

  test('a stream of another name with the same subjects stops the start, with the reason, unless it goes away', async () => {
    const options = settings();
    const { stream } = await aStream(options);
    await stream.close();
    const { streams } = await aManager();
    const { config } = await streams.info(options.namePrefix);
    await streams.delete(options.namePrefix);
    await streams.add({ ...config, name: `${options.namePrefix}_ELSEWHERE` });

    await expect(openJetStreamEventStream(options)).rejects.toMatchObject({
      code: 'STREAM_MISCONFIGURED',
      message: expect.stringContaining('overlap'),
    });

    // It is also what a process is told that asks while another one is about to create the stream: that passes.
    const opening = aStream(options);
    const deleting = delay(200).then(() => streams.delete(`${options.namePrefix}_ELSEWHERE`));
    const [opened] = await Promise.all([opening, deleting]);
    expect(await opened.stream.lag('runner')).toBe(0);
  });

  test('settings that the server refuses stop the start, with the reason', async () => {
    await expect(openJetStreamEventStream({ ...settings(), replicas: 3 })).rejects.toMatchObject({
      code: 'STREAM_MISCONFIGURED',
      message: expect.stringMatching(/refuses the settings of the stream TEST_\S+: .*replicas/),
    });
  });

  test('a server that is full is told from one that is away', async () => {
    const options = settings();
    const { stream } = await aStream(options);
    const { streams } = await aManager();
    await streams.update(options.namePrefix, { max_bytes: 10_000, discard: 'new' });
    const large = { id: 'large', topic: 'events' as const, body: 'x'.repeat(20_000) };

    await expect(stream.append([large])).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringContaining('maximum bytes'),
    });
    await streams.update(options.namePrefix, { max_bytes: -1 });

    expect(await stream.append([large])).toEqual({ appended: 1, duplicates: 0 });
  });

  test('a large message that is given up on, and retried, stays whole; its pieces go with it', async () => {
    const options = settings();
    const { stream } = await aStream(options);
    const body = 'ü'.repeat(1_500_000);
    await stream.append([{ id: 'large', topic: 'events', body }]);
    for (let count = 1; count <= DELIVERIES_MAX; count++) {
      const [delivery] = await stream.pull('runner', 1, never);
      await stream.putBack('runner', delivery?.seq ?? -1, 0, 'too large, with a line\nbreak');
    }

    const [letter] = await stream.readDeadLetters('runner', 10);
    expect(letter?.reason).toBe('too large, with a line\nbreak');
    expect(letter?.body === body).toBe(true);
    await stream.retryDeadLetter('runner', letter?.seq ?? -1);

    const [again] = await stream.pull('runner', 1, never);
    expect(again?.body === body).toBe(true);
    const dead = await (await aManager()).streams.info(`${options.namePrefix}_DEAD`);
    expect(dead.state.messages).toBe(0);
  });

  test('a message that lost its pieces holds up nobody, and it is told', async () => {
    const options = settings();
    const { stream, statuses } = await aStream(options);
    await stream.append([{ id: 'large', topic: 'events', body: 'x'.repeat(2_000_000) }]);
    await (await aManager()).streams.purge(`${options.namePrefix}_PARTS`);
    await stream.append(eventsOf('small'));

    expect(idsOf(await stream.pull('runner', 10, never))).toEqual(['small']);
    expect(idsOf(await stream.readSince('events', 0, 0, 10))).toEqual(['small']);
    expect(statuses).toContainEqual({ kind: 'unreadable', message: expect.stringContaining('message large') });
  });

  test('large messages come in answers that fit into memory, none is lost or counted twice', async () => {
    const { stream } = await aStream(settings());
    const ids = Array.from({ length: 10 }, (_, index) => `large${index}`);
    for (const id of ids) await stream.append([{ id, topic: 'events', body: id.repeat(600_000) }]);

    const answers: Delivery[][] = [];
    while (answers.flat().length < ids.length) answers.push(await stream.pull('runner', 100, never));

    expect(idsOf(answers.flat())).toEqual(ids);
    expect(answers.length).toBeGreaterThan(1);
    expect(answers.flat().every(({ deliveryCount }) => deliveryCount === 1)).toBe(true);
  });

  test('a description counts what is there', async () => {
    const options = settings();
    const { stream } = await aStream(options);
    await stream.append([...eventsOf('a', 'b', 'c'), { id: 'r', topic: 'records', body: '' }]);
    const [a] = await pullCount(stream, 1);
    await stream.putBack('runner', a?.seq ?? -1, 0, 'again');
    await pullCount(stream, 1);

    await expect
      .poll(() => describeStream(options), SOON)
      .toMatchObject({
        serverVersion: expect.stringMatching(/^\d+\.\d+/),
        replicas: 1,
        messages: 4,
        groups: [
          { name: 'runner', pending: 2, unacknowledged: 1, redelivered: 1, deadLetters: 0 },
          { name: 'recorder', pending: 4, unacknowledged: 0, redelivered: 0, deadLetters: 0 },
        ],
      });
    await expect(describeStream({ ...options, namePrefix: 'NONE' })).rejects.toMatchObject({
      code: 'STREAM_UNAVAILABLE',
    });
  });
});
