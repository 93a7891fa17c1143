import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { Body, Controller, type DynamicModule, Get, Module, Post } from '@nestjs/common';
import { silentLogger } from '@perdure/telemetry';
import { expect, onTestFinished, test } from 'vitest';
import { BinaryBody, StreamedBody } from './binary-body.ts';
import { type HttpServer, listen } from './listen.ts';

interface Gate {
  entered: PromiseWithResolvers<void>;
  opened: PromiseWithResolvers<void>;
}

/** A server of this module, until the test ends. */
async function listenWith(module: DynamicModule): Promise<HttpServer> {
  const server = await listen([module], {
    host: '127.0.0.1',
    port: 0,
    serverKind: 'cloud',
    mayMove: false,
    log: silentLogger,
  });
  onTestFinished(() => server.close());
  return server;
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

  const server = await listenWith({ module: SlowModule, controllers: [SlowController] });
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

@Controller()
class BodiesController {
  @Post('text')
  text(@Body() body: string): string {
    return `text ${body}`;
  }

  @Post('bytes')
  @BinaryBody()
  bytes(@Body() body: Buffer): string {
    return `bytes ${body.toString('hex')}`;
  }

  @Post('stream')
  @StreamedBody()
  async stream(@Body() body: string | Readable): Promise<string> {
    return typeof body === 'string' ? `text ${body}` : `stream ${await text(body)}`;
  }
}

@Module({ controllers: [BodiesController] })
class BodiesModule {}

test.each(['text/stream', 'application/octet-stream'])(
  'a body of %s is streamed where that is wanted',
  async (type) => {
    const server = await listenWith({ module: BodiesModule });
    const post = async (path: string, body: string | Uint8Array<ArrayBuffer>, contentType = type): Promise<string> => {
      const answer = await fetch(`${server.url}/${path}`, {
        method: 'POST',
        body,
        headers: { 'content-type': contentType },
      });
      return answer.status === 201 ? answer.text() : String(answer.status);
    };

    expect(await post('stream', 'ä')).toBe('stream ä');
    expect(await post('stream', 'ä', 'application/json')).toBe('text ä');
    expect(await post('text', 'ä')).toBe('text ä');
    expect(await post('bytes', 'ä')).toBe('bytes c3a4');
    expect(await post('text', new Uint8Array(64 * 1024 * 1024 + 1))).toBe('413');
  },
);
