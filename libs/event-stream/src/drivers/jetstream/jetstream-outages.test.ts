import { assert } from '@perdure/domain';
import { startTcpProxy } from '@perdure/testing';
import { type MortalService, startMortalService } from '@perdure/testing/services';
import { describeWithService } from '@perdure/testing/services/vitest';
import { expect, onTestFinished, test } from 'vitest';

import { EventStreamError } from '../../event-stream-error.ts';
import type { Delivery, EventStream, StreamMessage } from '../../event-stream.ts';
import { type JetStreamEventStreamOptions, openJetStreamEventStream } from './jetstream-event-stream.ts';
import type { EventStreamStatus } from './stream-status.ts';

const HOUR_MS = 3_600_000;
const SOON = { timeout: 25_000, interval: 20 };
/** An append without NATS ends within 5 s; the rest is for a busy machine. */
const REFUSED_MS_MAX = 8_000;
const never = new AbortController().signal;

const eventsOf = (...ids: string[]): StreamMessage[] =>
  ids.map((id) => ({ id, topic: 'events', body: `body of ${id}` }));
const idsOf = (deliveries: { id: string }[]): string[] => deliveries.map(({ id }) => id);
const seqsOf = (deliveries: Delivery[]): number[] => deliveries.map(({ seq }) => seq);

async function aServer(settings: string[] = []): Promise<MortalService> {
  const server = await startMortalService('nats', settings);
  assert(server.kind === 'started', 'this test needs a nats-server of its own');
  onTestFinished(server.stop);
  return server;
}

async function aStream(
  url: string,
  options: Partial<JetStreamEventStreamOptions> = {},
): Promise<{ stream: EventStream; kinds: () => string[] }> {
  const statuses: EventStreamStatus[] = [];
  const stream = await openJetStreamEventStream({
    servers: [url],
    replicas: 1,
    retentionMs: HOUR_MS,
    onStatus: (status) => statuses.push(status),
    ...options,
  });
  onTestFinished(() => stream.close());
  return { stream, kinds: () => statuses.map(({ kind }) => kind) };
}

async function msOf(action: Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await action;
  return performance.now() - startedAt;
}

/** OK, or the code of the failure. */
function codeOf(action: Promise<unknown>): Promise<string> {
  return action.then(
    () => 'OK',
    (error: unknown) => (error instanceof EventStreamError ? error.code : String(error)),
  );
}

describeWithService('nats', 'event stream that loses its server', () => {
  test('through kill -9, restart and freezing nothing that was acknowledged is lost, and pulling goes on', async () => {
    const server = await aServer();
    const { stream } = await aStream(server.url, { ackWaitMs: 3_000 });
    const stop = new AbortController();
    const enough = new AbortController();
    const stored = new Set<string>();
    const received = new Set<string>();
    const refusals: string[] = [];
    const appending = Array.from({ length: 4 }, async (_, caller) => {
      for (let i = 0; !enough.signal.aborted; i++) {
        const ids = [`${caller}-${i}-a`, `${caller}-${i}-b`];
        const code = await codeOf(stream.append(eventsOf(...ids)));
        if (code === 'OK') for (const id of ids) stored.add(id);
        else refusals.push(code);
      }
    });
    const pulling = (async () => {
      while (!stop.signal.aborted) {
        const pulled = await stream.pull('runner', 50, stop.signal);
        for (const { id } of pulled) received.add(id);
        // A part is left for redelivery.
        const done = pulled.filter(({ seq, deliveryCount }) => seq % 5 > 0 || deliveryCount > 1);
        await codeOf(stream.ack('runner', seqsOf(done)));
      }
    })();
    const storedMore = async (): Promise<void> => {
      const before = stored.size;
      await expect.poll(() => stored.size, SOON).toBeGreaterThan(before + 100);
    };

    try {
      await storedMore();
      await server.kill();
      await server.start();
      await storedMore();
      server.freeze();
      await expect.poll(() => refusals.length, SOON).toBeGreaterThan(0);
      server.thaw();
      await storedMore();
      await server.kill();
      await server.start();
      await storedMore();

      enough.abort();
      await Promise.all(appending);
      await expect.poll(() => [...stored].filter((id) => !received.has(id)).length, SOON).toBe(0);
      expect(new Set(refusals)).toEqual(new Set(['STREAM_UNAVAILABLE']));
    } finally {
      enough.abort();
      stop.abort();
      await Promise.all([...appending, pulling]);
    }
  }, 120_000);

  test('without a server an append is refused in time; it goes through when the server is back', async () => {
    const server = await aServer();
    const { stream, kinds } = await aStream(server.url);
    const pulled = stream.pull('runner', 10, never);
    await server.kill();
    await expect.poll(kinds, SOON).toEqual(['disconnected']);

    const refused = Promise.all([codeOf(stream.append(eventsOf('a'))), codeOf(stream.lag('runner'))]);
    expect(await msOf(refused)).toBeLessThan(REFUSED_MS_MAX);
    expect(await refused).toEqual(['STREAM_UNAVAILABLE', 'STREAM_UNAVAILABLE']);
    await server.start();
    await expect.poll(kinds, SOON).toEqual(['disconnected', 'reconnected']);

    expect(await stream.append(eventsOf('a'))).toEqual({ appended: 1, duplicates: 0 });
    expect(idsOf(await pulled)).toEqual(['a']);
  }, 60_000);

  test('an append survives a server that is back within its time', async () => {
    const server = await aServer();
    const { stream, kinds } = await aStream(server.url);
    await server.kill();
    await expect.poll(kinds, SOON).toEqual(['disconnected']);

    const appended = stream.append(eventsOf('a', 'b'));
    await server.start();

    expect(await appended).toEqual({ appended: 2, duplicates: 0 });
  });

  test('a server that hangs acknowledges nothing; what it takes in later is there once', async () => {
    const server = await aServer();
    const { stream } = await aStream(server.url);
    const tryAppend = (id: string): Promise<string> => codeOf(stream.append(eventsOf(id)));
    server.freeze();

    // Its threads do not all stop at once.
    let last = 0;
    let tookMs = 0;
    for (let outcome = 'OK'; outcome === 'OK'; last++) {
      const trying = tryAppend(`m${last + 1}`);
      tookMs = await msOf(trying);
      outcome = await trying;
      expect(['OK', 'STREAM_UNAVAILABLE']).toContain(outcome);
    }
    expect(tookMs).toBeLessThan(REFUSED_MS_MAX);
    server.thaw();
    await expect.poll(() => tryAppend(`m${last}`), SOON).toBe('OK');

    const pulled: string[] = [];
    while (pulled.length < last) pulled.push(...idsOf(await stream.pull('runner', 10, never)));
    expect(pulled).toEqual(Array.from({ length: last }, (_, index) => `m${index + 1}`));
    expect(await stream.lag('recorder')).toBe(last);
  }, 60_000);

  test('what was in hand when the server went away is done with when it is back, though it may come once more', async () => {
    const server = await aServer();
    const { stream, kinds } = await aStream(server.url);
    await stream.append(eventsOf('a', 'b'));
    const pulled: Delivery[] = [];
    while (pulled.length < 2) pulled.push(...(await stream.pull('runner', 10, never)));
    await server.kill();
    await expect.poll(kinds, SOON).toEqual(['disconnected']);

    const acked = stream.ack('runner', seqsOf(pulled));
    await server.start();
    await acked;

    // A server that was killed may have forgotten what it had delivered a moment before.
    const stop = new AbortController();
    const finishing = (async () => {
      while (!stop.signal.aborted) await stream.ack('runner', seqsOf(await stream.pull('runner', 10, stop.signal)));
    })();
    try {
      await expect.poll(() => stream.lag('runner'), SOON).toBe(0);
    } finally {
      stop.abort();
      await finishing;
    }
  });

  test('a connection in which bytes no longer move is given up: pulling goes on over another one', async () => {
    const server = await aServer();
    const proxy = await startTcpProxy({ to: server.url });
    onTestFinished(() => proxy.stop());
    // The server gives the message to the lost connection first.
    const { stream, kinds } = await aStream(proxy.through(server.url), { ackWaitMs: 2_000 });
    const { stream: other } = await aStream(server.url, { ackWaitMs: 2_000 });
    const pulled = stream.pull('runner', 10, never);

    proxy.halfOpen();
    await expect.poll(kinds, SOON).toEqual(['disconnected']);
    await other.append(eventsOf('a'));
    await proxy.heal();

    expect(idsOf(await pulled)).toEqual(['a']);
  }, 60_000);

  test('closing takes no longer because the server is away', async () => {
    const server = await aServer();
    const { stream } = await aStream(server.url);
    await stream.append(eventsOf('a'));
    await stream.pull('runner', 1, never);
    server.freeze();

    expect(await msOf(stream.close())).toBeLessThan(REFUSED_MS_MAX);
  });

  test('opening waits for a server that starts later', async () => {
    const server = await aServer();
    await server.kill();

    const opening = aStream(server.url);
    await server.start();

    expect(await (await opening).stream.append(eventsOf('a'))).toEqual({ appended: 1, duplicates: 0 });
  });

  test('opening without a server fails and names it, without the password', async () => {
    const server = await aServer();
    await server.kill();
    const url = server.url.replace('nats://', 'nats://perdure:secret@');

    await expect(aStream(url, { openMs: 500 })).rejects.toMatchObject({
      code: 'STREAM_UNAVAILABLE',
      message: expect.stringContaining(`no connection to NATS at ${new URL(server.url).host}`),
    });
    await expect(aStream(url, { openMs: 500 })).rejects.not.toMatchObject({
      message: expect.stringContaining('secret'),
    });
  });

  test('a server that wants a password gets the one of the URL, and refuses another at once', async () => {
    const server = await aServer(['--user=perdure', '--pass=right']);
    const url = (password: string): string => server.url.replace('nats://', `nats://perdure:${password}@`);

    await expect(aStream(url('wrong'))).rejects.toMatchObject({
      code: 'STREAM_UNAVAILABLE',
      message: expect.stringMatching(/authorization/i),
    });
    const { stream } = await aStream(url('right'));
    expect(await stream.append(eventsOf('a'))).toEqual({ appended: 1, duplicates: 0 });
  });
});
