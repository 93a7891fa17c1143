import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { silentLogger } from '@perdure/telemetry';
import { expect, onTestFinished, test } from 'vitest';
import { accessTo, aHub } from '../test/a-hub.ts';
import { STOPPING, UNREAD_BYTES_MAX } from './listener.ts';
import { SseListener } from './sse-listener.ts';

/** A subscriber at the other end of a real connection. */
async function aSubscriber({ lifetimeMs }: { lifetimeMs?: number } = {}) {
  const { hub, publish } = aHub();
  const responses = Promise.withResolvers<ServerResponse>();
  const server = createServer((_request, response) => responses.resolve(response));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const asked = request({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }).end();
  const listener = new SseListener(await responses.promise, {
    hub,
    access: accessTo('a', '$stream'),
    headers: { 'x-kind': 'dev' },
    log: silentLogger,
    ...(lifetimeMs !== undefined && { lifetimeMs }),
  });
  const [incoming] = (await once(asked, 'response')) as [IncomingMessage];
  const received = { text: '' };
  const ended = new Promise<void>((resolve) => incoming.once('close', resolve));
  incoming.on('error', () => undefined);
  incoming.setEncoding('utf8');
  incoming.on('data', (text: string) => (received.text += text));
  return { hub, listener, publish, incoming, received, ended };
}

test('events, signs of life and what is relayed come as they are published, and why it ends', async () => {
  const { listener, publish, incoming, received, ended } = await aSubscriber();

  publish('a', 'first');
  listener.keepAlive();
  publish('$stream', 'event: raw\ndata: {}\n\n', 'relay');
  listener.close(STOPPING);
  listener.close(STOPPING);
  publish('a', 'late');
  await ended;

  expect(incoming.headers).toMatchObject({ 'content-type': 'text/event-stream', 'x-kind': 'dev' });
  const [connected, first, alive, ...rest] = received.text.split('\n\n');
  expect(connected).toBe(': connected');
  expect(JSON.parse(first?.replace('data: ', '') ?? '')).toMatchObject({ kind: 'data', data: 'first' });
  expect(alive).toBe(': keep-alive');
  expect(rest).toEqual(['event: raw\ndata: {}', `: closed, ${STOPPING}`, '']);
});

test('it ends after its lifetime', async () => {
  const { received, ended, listener } = await aSubscriber({ lifetimeMs: 1 });

  await ended;
  await listener.ended;

  expect(received.text).toContain(': closed, it has lasted as long as it may\n\n');
});

test('one who reads too slowly is told so after what was sent before', async () => {
  const { listener, publish, incoming, received, ended } = await aSubscriber();
  const body = 'x'.repeat(1024 * 1024);
  incoming.pause();

  for (let sent = 0; sent < (4 * UNREAD_BYTES_MAX) / body.length; sent++) publish('a', body);
  incoming.resume();
  await ended;
  await listener.ended;

  expect(received.text.length).toBeLessThan(2 * UNREAD_BYTES_MAX);
  expect(received.text.endsWith('\n\n: closed, the subscriber reads too slowly\n\n')).toBe(true);
});

test('one who is gone is forgotten', async () => {
  const { listener, publish, incoming, hub } = await aSubscriber();

  incoming.destroy();
  await listener.ended;

  expect(() => {
    publish('a', 'nobody');
    listener.keepAlive();
    listener.close(STOPPING);
  }).not.toThrow();
  expect(hub.isIdle).toBe(true);
});
