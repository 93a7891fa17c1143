import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { probe } from './probe.ts';

async function serving(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/ready`;
}

test('a server that answers is up', async () => {
  const url = await serving((_request, response) => response.end('{"status":200}'));

  expect(await probe(url, 5_000)).toEqual({ ok: true, message: `${url} answered 200` });
});

test('one that is not ready says what is the matter', async () => {
  const body = JSON.stringify({ status: 503, problems: ['the store does not answer', 'the process is starting'] });
  const url = await serving((_request, response) => response.writeHead(503).end(body));

  expect(await probe(url, 5_000)).toEqual({
    ok: false,
    message: `${url} answered 503, the store does not answer, the process is starting`,
  });
});

test('one that hangs, or is not there, is down', async () => {
  const url = await serving(() => undefined);

  expect(await probe(url, 50)).toEqual({ ok: false, message: `${url} did not answer within 50 ms` });
  expect(await probe('http://127.0.0.1:1/health', 5_000)).toMatchObject({
    ok: false,
    message: expect.stringMatching(/does not answer: .+/),
  });
});
