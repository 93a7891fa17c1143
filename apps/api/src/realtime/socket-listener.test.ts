import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { silentLogger } from '@perdure/telemetry';
import { expect, onTestFinished, test } from 'vitest';
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';
import { accessTo, aHub } from '../test/a-hub.ts';
import { STOPPING, UNREAD_BYTES_MAX } from './listener.ts';
import { SocketListener } from './socket-listener.ts';

/** A subscriber at the other end of a real connection. */
async function aSubscriber(options: ClientOptions = {}) {
  const { hub, publish } = aHub();
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => {
    server.close();
  });
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[WebSocket]>;
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, options);
  onTestFinished(() => client.terminate());
  const frames: { kind: string; topic?: string; data?: unknown }[] = [];
  client.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString()) as (typeof frames)[0]));
  const [[socket]] = await Promise.all([accepted, once(client, 'open')]);
  const accessOf = (token: string) => (token === 'bad' ? undefined : accessTo(...token.split(',')));
  const listener = new SocketListener(socket, { hub, access: accessTo('a'), accessOf, log: silentLogger });
  /** Resolves when each side has got all that the other said before. */
  const settle = async (): Promise<void> => {
    const pong = once(client, 'pong');
    client.ping();
    await pong;
  };
  const closed = (once(client, 'close') as Promise<[number, Buffer]>).then(([code, reason]) => ({
    code,
    reason: reason.toString(),
  }));
  return { client, frames, listener, publish, settle, closed, socket };
}

test('one who reads too slowly is disconnected and told why; what was sent before arrives', async () => {
  const { client, frames, publish, closed, listener } = await aSubscriber();
  const body = 'x'.repeat(1024 * 1024);
  client.pause();

  for (let sent = 0; sent < (4 * UNREAD_BYTES_MAX) / body.length; sent++) publish('a', body);
  client.resume();

  expect(await closed).toEqual({ code: 1013, reason: 'the subscriber reads too slowly' });
  await listener.ended;
  // What the connection itself held comes on top.
  expect(frames.length).toBeGreaterThanOrEqual(UNREAD_BYTES_MAX / body.length);
  expect(frames.length).toBeLessThan((4 * UNREAD_BYTES_MAX) / body.length);
});

test('one who does not even take notice is cut off', async () => {
  const { client, publish, listener, socket } = await aSubscriber();
  const body = 'x'.repeat(1024 * 1024);
  client.pause();

  for (let sent = 0; sent < (4 * UNREAD_BYTES_MAX) / body.length; sent++) publish('a', body);

  expect(socket.readyState).toBe(WebSocket.CLOSING);
  await listener.ended;
  expect(socket.readyState).toBe(WebSocket.CLOSED);
});

test('when the server stops, a subscriber is told twice: by a message and by the code', async () => {
  const { frames, publish, closed, listener } = await aSubscriber();

  publish('a', '1');
  listener.close(STOPPING);
  listener.close(STOPPING);
  publish('a', '2');

  expect(await closed).toEqual({ code: 1001, reason: STOPPING });
  expect(frames.map(({ kind }) => kind)).toEqual(['data', 'closing']);
});

test('one who answers pings stays, one who leaves three unanswered is given up', async () => {
  const alive = await aSubscriber();
  for (let turn = 0; turn < 8; turn++) {
    const answered = once(alive.socket, 'pong');
    alive.listener.keepAlive();
    await answered;
  }
  alive.publish('a', 'still there');
  await alive.settle();
  expect(alive.frames).toHaveLength(1);

  const silent = await aSubscriber({ autoPong: false });
  for (let turn = 0; turn < 3; turn++) {
    const arrived = once(silent.client, 'ping');
    silent.listener.keepAlive();
    await arrived;
  }
  expect(silent.client.readyState).toBe(WebSocket.OPEN);
  silent.listener.keepAlive();
  await silent.listener.ended;
});

test('further tokens add topics, each topic counts once, and names take them away', async () => {
  const { client, frames, publish, settle } = await aSubscriber();

  client.send('{"kind":"sub","data":"a,b,c"}');
  await settle();
  for (const name of ['a', 'b', 'c']) publish(name, '1');
  client.send('{"kind":"unsub","data":["a","c"]}');
  client.send('nonsense');
  client.send(Buffer.from('{"kind":"unsub","data":["b"]}'), { binary: true });
  await settle();
  for (const name of ['a', 'b', 'c']) publish(name, '2');
  await settle();

  expect(frames.map(({ topic, data }) => `${topic} ${String(data)}`)).toEqual(['a 1', 'b 1', 'c 1', 'b 2']);
});

test.each([
  ['bad', 'the token of a subscription is not valid'],
  [Array.from({ length: 1_000 }, (_, index) => `topic-${index}`).join(','), 'too many topics'],
])('a subscription that is refused ends the connection', async (token, reason) => {
  const { client, closed } = await aSubscriber();

  client.send(JSON.stringify({ kind: 'sub', data: token }));

  expect(await closed).toEqual({ code: 1008, reason });
});
