import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, test, type TestContext } from 'vitest';

import { testIds } from '../ids/test-ids.ts';
import { startMischief } from './mischief.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

const MIB = 1024 * 1024;

/** A proxy before a server that sends back what it gets. */
async function anEcho(ctx: TestContext): Promise<TcpProxy> {
  return (await anEchoAndProxy(ctx)).proxy;
}

async function anEchoAndProxy(ctx: TestContext): Promise<{ proxy: TcpProxy; echoPort: number }> {
  const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: echoPort } = server.address() as AddressInfo;
  const proxy = await startTcpProxy({ to: `127.0.0.1:${echoPort}` });
  ctx.onTestFinished(async () => {
    await proxy.stop();
    server.close();
  });
  return { proxy, echoPort };
}

async function aClient(ctx: TestContext, { port }: { port: number }): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  ctx.onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function answerTo(socket: Socket, text: string): Promise<string> {
  const answer = once(socket, 'data');
  socket.write(text);
  return String((await answer)[0]);
}

async function codeOf(failure: Promise<unknown>): Promise<string> {
  return failure.then(
    () => 'none',
    (error: NodeJS.ErrnoException) => error.code ?? String(error),
  );
}

test('a healthy proxy passes everything on, both ways, and the end of a connection', async (ctx) => {
  const client = await aClient(ctx, await anEcho(ctx));
  let bytes = 0;
  client.on('data', (chunk: Buffer) => (bytes += chunk.length));

  client.end(Buffer.alloc(8 * MIB, 'x'));
  await once(client, 'close');

  expect(bytes).toBe(8 * MIB);
});

test('through() keeps everything of a URL but where it leads', async (ctx) => {
  const proxy = await anEcho(ctx);

  expect(proxy.through('postgres://user:pw@db.example:5432/name?a=b')).toBe(
    `postgres://user:pw@127.0.0.1:${proxy.port}/name?a=b`,
  );
});

test('delay() holds every chunk back, in order; heal() lets go at once', async (ctx) => {
  const proxy = await anEcho(ctx);
  const client = await aClient(ctx, proxy);
  proxy.delay(60);
  const startedAt = performance.now();

  expect(await answerTo(client, 'slow')).toBe('slow');

  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(119);
  proxy.delay(60_000);
  const held = once(client, 'data');
  client.write('held');
  await proxy.heal();
  expect(String((await held)[0])).toBe('held');
});

test('cut() resets open connections and takes new ones', async (ctx) => {
  const proxy = await anEcho(ctx);
  const client = await aClient(ctx, proxy);
  await answerTo(client, 'before');
  const failure = codeOf(once(client, 'data'));

  proxy.cut();

  expect(await failure).toBe('ECONNRESET');
  expect(await answerTo(await aClient(ctx, proxy), 'after')).toBe('after');
});

test('refuse() is as if nobody listened, until heal()', async (ctx) => {
  const proxy = await anEcho(ctx);
  const client = await aClient(ctx, proxy);
  const failure = codeOf(once(client, 'data'));

  await proxy.refuse();

  expect(await failure).toBe('ECONNRESET');
  expect(await codeOf(aClient(ctx, proxy))).toBe('ECONNREFUSED');
  await proxy.heal();
  expect(await answerTo(await aClient(ctx, proxy), 'after')).toBe('after');
});

test.for(['both', 'up', 'down'] as const)(
  'halfOpen(%s) keeps connections and holds bytes back until heal()',
  async (stalled, ctx) => {
    const { proxy, echoPort } = await anEchoAndProxy(ctx);
    const client = await aClient(ctx, proxy);
    await answerTo(client, 'before');
    let got = '';
    client.on('data', (chunk: Buffer) => (got += String(chunk)));

    proxy.halfOpen(stalled);
    client.write('during');
    // What is written later, and comes back around the proxy, shows that this would have come back by now.
    await answerTo(await aClient(ctx, { port: echoPort }), 'around');
    expect(got).toBe('');
    expect(client.destroyed).toBe(false);

    await proxy.heal();
    await expect.poll(() => got).toBe('during');
  },
);

test('the same seed plays the same mischief, and everything is healed at its end', async (ctx) => {
  const play = async () => {
    const ids = testIds(7);
    const proxies = { one: await anEcho(ctx), two: await anEcho(ctx) };
    const mischief = startMischief({ proxies, random: () => ids.random(), holdMsMax: 5, quietMsMax: 5 });
    await expect.poll(() => mischief.done.length).toBeGreaterThan(12);
    const done = await mischief.stop();
    for (const proxy of Object.values(proxies)) expect(await answerTo(await aClient(ctx, proxy), 'well')).toBe('well');
    return done.slice(0, 12);
  };

  expect(await play()).toEqual(await play());
});
