import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

import { testSignal } from '@perdure/testing';
import { expect, onTestFinished, test } from 'vitest';

import { RedisFlush } from './redis-flush.ts';

test('everything answered before is flushed first, and those who ask meanwhile share the next flush', async () => {
  const server = await aScriptedServer();
  const flush = aFlush(server.url);

  const first = flush.flushed();
  const answerFirst = await server.nextWait();
  const later = [flush.flushed(), flush.flushed()];
  answerFirst(1);
  await first;
  const answerLater = await server.nextWait();
  answerLater(1);
  await Promise.all(later);

  expect(server.commands).toEqual(['SET mark', 'WAITAOF 1', 'SET mark', 'WAITAOF 1']);
});

test('a wait that ended without a flush is repeated', async () => {
  const server = await aScriptedServer();
  const flushed = aFlush(server.url).flushed();

  const timeOut = await server.nextWait();
  timeOut(0);
  const answer = await server.nextWait();
  answer(1);

  await flushed;
  expect(server.commands).toHaveLength(4);
});

test('a connection that breaks while a flush is waited for leads to another mark and another wait', async () => {
  const server = await aScriptedServer();
  const flushed = aFlush(server.url).flushed();

  await server.nextWait();
  server.cut();
  const answer = await server.nextWait();
  answer(1);

  await flushed;
  expect(server.commands).toEqual(['SET mark', 'WAITAOF 1', 'SET mark', 'WAITAOF 1']);
});

function aFlush(url: string): RedisFlush {
  const flush = new RedisFlush(url, 'mark');
  onTestFinished(() => flush.close());
  return flush;
}

/** A server of which the test says when, and whether, it has flushed. It stands for a Redis of 7.2 or later. */
async function aScriptedServer() {
  const commands: string[] = [];
  const waits = testSignal<(flushed: number) => void>('WAITAOF');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.on('data', (data) => {
      for (const [name = '', argument = ''] of parseCommands(data.toString())) {
        if (name === 'SET' || name === 'WAITAOF') commands.push(`${name} ${argument}`);
        if (name === 'WAITAOF') waits.emit((flushed) => socket.write(`*2\r\n:${flushed}\r\n:0\r\n`));
        else if (name === 'HELLO') socket.write('-NOPROTO unsupported protocol version\r\n');
        else if (name === 'INFO') socket.write('$9\r\nloading:0\r\n');
        else socket.write('+OK\r\n');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(() => {
    cut();
    server.close();
  });
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    commands,
    nextWait: () => waits.next(),
    cut,
  };
}

/** The words of each command in what a client sent, which arrives whole on the loopback interface. */
function parseCommands(text: string): string[][] {
  return text
    .split(/^\*\d+\r\n/m)
    .slice(1)
    .map((command) => command.split('\r\n').filter((_, index) => index % 2 === 1))
    .map(([name = '', ...words]) => [name.toUpperCase(), ...words]);
}
