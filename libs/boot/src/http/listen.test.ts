import { Controller, Get, Module } from '@nestjs/common';
import { silentLogger } from '@perdure/telemetry';
import { expect, onTestFinished, test } from 'vitest';
import { type HttpServer, listen } from './listen.ts';

interface Gate {
  entered: PromiseWithResolvers<void>;
  opened: PromiseWithResolvers<void>;
}

/** A server with one route, whose answer waits for the test. */
async function slowServer(): Promise<{ server: HttpServer; gate: Gate }> {
  const gate: Gate = { entered: Promise.withResolvers(), opened: Promise.withResolvers() };

  @Controller()
  class SlowController {
    @Get('slow')
    async slow(): Promise<string> {
      gate.entered.resolve();
      await gate.opened.promise;
      return 'done';
    }
  }

  @Module({})
  class SlowModule {}

  const server = await listen([{ module: SlowModule, controllers: [SlowController] }], {
    host: '127.0.0.1',
    port: 0,
    serverKind: 'cloud',
    mayMove: false,
    log: silentLogger,
  });
  onTestFinished(() => server.close());
  return { server, gate };
}

test('a request in progress is answered before the server is closed', async () => {
  const { server, gate } = await slowServer();
  const response = fetch(`${server.url}/slow`);
  await gate.entered.promise;

  const closing = server.close();
  gate.opened.resolve();

  expect(await (await response).text()).toBe('done');
  await closing;
  await expect(fetch(`${server.url}/slow`)).rejects.toThrow('fetch failed');
});

test('a connection that a client keeps open does not hold up the end', async () => {
  const { server, gate } = await slowServer();
  gate.opened.resolve();
  await (await fetch(`${server.url}/slow`)).text();
  const startedAt = performance.now();

  await server.close();

  expect(performance.now() - startedAt).toBeLessThan(2_000);
});
