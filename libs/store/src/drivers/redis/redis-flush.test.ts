import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

import { testSignal } from '@perdure/testing';
import { expect, onTestFinished, test } from 'vitest';

import { RedisCell } from './redis-cell.ts';
import { openRedisNodes } from './redis-nodes.ts';
import { parseRedisUrl } from './redis-url.ts';

test('everything answered before is flushed first, and all cells that ask meanwhile share the next flush', async () => {
  const server = await aScriptedServer();
  const [one, two] = someCells(server.url);

  const first = one.durable();
  const answerFirst = await server.nextWait();
  const later = [one.durable(), one.durable(), two.durable()];
  // Another command of theirs gets there after they asked.
  await two.send('ping', (node) => node.send((redis) => redis.ping()));
  answerFirst(1);
  await first;
  const answerLater = await server.nextWait();
  answerLater(1);
  await Promise.all(later);

  const round = ['SET pd-flush:{c0}', 'WAITAOF 1'];
  expect(server.commands).toEqual([...round, 'SET pd-flush:{c0}', 'SET pd-flush:{c1}', 'WAITAOF 1']);
});

test('a wait that ended without a flush is repeated', async () => {
  const server = await aScriptedServer();
  const durable = someCells(server.url)[0].durable();

  const timeOut = await server.nextWait();
  timeOut(0);
  const answer = await server.nextWait();
  answer(1);

  await durable;
  expect(server.commands).toHaveLength(4);
});

test('a connection that breaks while a flush is waited for leads to another mark and another wait', async () => {
  const server = await aScriptedServer();
  const durable = someCells(server.url)[0].durable();

  await server.nextWait();
  server.cut();
  const answer = await server.nextWait();
  answer(1);

  await durable;
  expect(server.commands).toEqual(['SET pd-flush:{c0}', 'WAITAOF 1', 'SET pd-flush:{c0}', 'WAITAOF 1']);
});

test('replicas that do not get everything in time are an error, not a hang', async () => {
  const server = await aScriptedServer();
  const durable = someCells(server.url, { waitReplicas: 2, patienceMs: 0 })[0].durable();

  const answer = await server.nextWait();
  answer(1);

  await expect(durable).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringContaining('1 of 2 replicas'),
  });
  expect(server.commands).toEqual(['SET pd-flush:{c0}', 'WAIT 2', 'WAITAOF 1']);
});

function someCells(url: string, options: { waitReplicas?: number; patienceMs?: number } = {}): [RedisCell, RedisCell] {
  const nodes = openRedisNodes(parseRedisUrl(url));
  onTestFinished(() => nodes.close());
  return [new RedisCell({ name: 'c0', nodes, ...options }), new RedisCell({ name: 'c1', nodes, ...options })];
}

/** What a Redis of 7.2 or later tells of itself. */
const INFO = ['redis_version:7.2.0', 'role:master', 'maxmemory_policy:noeviction', 'aof_enabled:1', ''].join('\r\n');

/**
 * A server of which the test says when, and whether, it has flushed. A replica has everything at once. It stands for a
 * Redis of 7.2 or later.
 */
async function aScriptedServer() {
  const commands: string[] = [];
  const waits = testSignal<(flushed: number) => void>('WAITAOF');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.on('data', (data) => {
      for (const [name = '', argument = ''] of parseCommands(data.toString())) {
        if (['SET', 'WAIT', 'WAITAOF'].includes(name)) commands.push(`${name} ${argument}`);
        if (name === 'WAITAOF') waits.emit((flushed) => socket.write(`*2\r\n:${flushed}\r\n:0\r\n`));
        else if (name === 'WAIT') socket.write(':1\r\n');
        else if (name === 'HELLO') socket.write('-NOPROTO unsupported protocol version\r\n');
        else if (name === 'INFO') socket.write(`$${INFO.length}\r\n${INFO}\r\n`);
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
