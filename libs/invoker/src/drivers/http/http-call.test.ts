import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

import { testSignal } from '@perdure/testing';
import { Agent } from 'undici';
import { afterEach, expect, test } from 'vitest';

import type { CallRequest } from '../../invoker.ts';
import { HttpCall, type HttpOutcome } from './http-call.ts';

const ANSWER_BYTES_MAX = 64 * 1024;
const agent = new Agent({ headersTimeout: 0, bodyTimeout: 0, allowH2: false, connections: 4 });

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface Received {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
  socket: Socket;
}

/** Serves on loopback what `answer` writes, once the request has been read in full. */
async function serve(answer: RequestListener): Promise<{ url: string; received: Received[]; server: Server }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      const { method = '', url = '', headers, socket } = request;
      received.push({ method, url, headers, body, socket });
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => void server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received, server };
}

/** Serves bytes: for what an HTTP server would not send. */
async function serveTcp(onRequest: (socket: Socket, request: string) => void): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => onRequest(socket, bytes.toString()));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => void server.close(resolve)));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function call(url: string, more: Partial<CallRequest> = {}): Promise<HttpOutcome> {
  const request: CallRequest = { url, headers: { 'x-run-id': 'r1' }, body: '{"a":"ö"}', timeoutMs: 5_000, ...more };
  return new HttpCall(agent, request, ANSWER_BYTES_MAX).run();
}

function textOf(outcome: HttpOutcome): string {
  return outcome.kind === 'answered' ? outcome.bytes.toString() : `failed: ${outcome.error.message}`;
}

test('an answer comes with status, headers in lower case and all its bytes', async () => {
  const { url, received } = await serve((_request, response) => {
    response.writeHead(206, { 'X-Inngest-SDK': 'js:v4', 'X-Two': ['a', 'b'] });
    response.write('[{"op":');
    setImmediate(() => response.end('"None"}]'));
  });

  const outcome = await call(`${url}/api?fnId=f&stepId=step`);

  expect(outcome).toMatchObject({
    kind: 'answered',
    status: 206,
    headers: { 'x-inngest-sdk': 'js:v4', 'x-two': 'a, b' },
  });
  expect(textOf(outcome)).toBe('[{"op":"None"}]');
  expect(received).toMatchObject([{ method: 'POST', url: '/api?fnId=f&stepId=step', body: '{"a":"ö"}' }]);
  expect(received[0]?.headers).toMatchObject({ 'x-run-id': 'r1', 'accept-encoding': 'gzip' });
});

test.each([301, 302, 303, 307, 308])(
  '[P42] a %i is followed as a POST with the same body and headers',
  async (status) => {
    const { url, received } = await serve((request, response) => {
      if (request.url?.startsWith('/moved') === true) return response.end('here');
      return response.writeHead(status, { location: '/moved?x=1' }).end('gone elsewhere');
    });

    const outcome = await call(`${url}/api?fnId=f&stepId=step`);

    expect(textOf(outcome)).toBe('here');
    expect(received[1]).toMatchObject({
      method: 'POST',
      url: '/moved?x=1&fnId=f&stepId=step',
      body: '{"a":"ö"}',
      headers: { 'x-run-id': 'r1' },
    });
  },
);

test('[P42] 60 redirects are followed, a 61st is not', async () => {
  const { url, received } = await serve((request, response) => {
    const left = Number(new URL(request.url ?? '', 'http://host').pathname.slice(1));
    if (left === 0) return response.end('arrived');
    return response.writeHead(302, { location: `/${left - 1}` }).end();
  });

  expect(textOf(await call(`${url}/60`))).toBe('arrived');
  expect(received).toHaveLength(61);
  expect(textOf(await call(`${url}/61`))).toBe('failed: Unable to reach SDK URL: more than 60 redirects');
});

test('a redirect to another origin, and one that leads nowhere', async () => {
  const other = await serve((_request, response) => response.end('other'));
  const { url } = await serve((request, response) => {
    const location = request.url === '/away' ? other.url : 'ftp://host/';
    return response.writeHead(307, { location }).end();
  });

  expect(textOf(await call(`${url}/away`))).toBe('other');
  expect(textOf(await call(`${url}/nowhere`))).toMatch(/^failed: Unable to reach SDK URL: it redirects to ftp:/);
});

test('a redirect status without a location is an answer', async () => {
  const { url } = await serve((_request, response) => response.writeHead(302).end('where?'));

  expect(await call(url)).toMatchObject({ kind: 'answered', status: 302 });
});

test('[P43] an answer may be as large as the cap and not a byte more, announced or not', async () => {
  const { url } = await serve((request, response) => {
    const bytes = Buffer.alloc(request.url === '/at' ? ANSWER_BYTES_MAX : ANSWER_BYTES_MAX + 1, 'x');
    if (request.url === '/chunked') response.flushHeaders();
    response.end(bytes);
  });
  const tooLarge = { kind: 'failed', error: { code: 'output_too_large' } };

  expect(await call(`${url}/at`)).toMatchObject({ kind: 'answered', bytes: { length: ANSWER_BYTES_MAX } });
  expect(await call(`${url}/over`)).toMatchObject(tooLarge);
  expect(await call(`${url}/chunked`)).toMatchObject(tooLarge);
  expect(textOf(await call(`${url}/at`))).toHaveLength(ANSWER_BYTES_MAX);
});

test('[P43] a call that takes longer than its timeout fails, before the answer and in the middle of it', async () => {
  const { url, received } = await serve((request, response) => {
    if (request.url === '/middle') response.write('never ');
  });
  const late = { kind: 'failed', error: { code: 'request_duration_too_long' } };

  expect(await call(`${url}/silent`, { timeoutMs: 30 })).toMatchObject(late);
  expect(await call(`${url}/middle`, { timeoutMs: 30 })).toMatchObject(late);
  expect(received.map((request) => request.url)).toEqual(['/silent', '/middle']);
});

test('an abort ends the call and its connection', async () => {
  const stop = new AbortController();
  const connectionClosed = testSignal('the connection was closed');
  const { url } = await serve((request) => {
    request.socket.once('close', () => connectionClosed.emit());
    stop.abort();
  });

  const outcome = await call(url, { signal: stop.signal });

  expect(textOf(outcome)).toBe('failed: The call was aborted.');
  await connectionClosed.next();
  expect(textOf(await call(url, { signal: stop.signal }))).toBe('failed: The call was aborted.');
});

test('where nobody listens, no such name exists or the certificate is not trusted, the URL is unreachable', async () => {
  const gone = await serveTcp(() => undefined);
  await closers.pop()?.();
  const plain = await serveTcp((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));

  expect(await call(gone)).toMatchObject({ kind: 'failed', error: { code: 'http_unreachable' } });
  expect(textOf(await call(gone))).toMatch(/^failed: Unable to reach SDK URL: .*ECONNREFUSED/);
  expect(textOf(await call('http://no-such-host.invalid/'))).toMatch(/^failed: Unable to reach SDK URL: getaddrinfo/);
  expect(textOf(await call(plain.replace('http:', 'https:')))).toMatch(/^failed: Unable to reach SDK URL: .*SSL/);
  expect(textOf(await call('not a url'))).toBe('failed: Unable to reach SDK URL: not a url is not a URL');
});

test('a server that resets, closes or ends early fails the call', async () => {
  const reset = await serveTcp((socket) => socket.resetAndDestroy());
  const closes = await serveTcp((socket) => socket.end());
  const short = await serveTcp((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'));
  const garbage = await serveTcp((socket) => socket.end('I am no web server\r\n\r\n'));

  expect(textOf(await call(reset))).toBe('failed: Your server reset the connection while we were sending the request.');
  expect(textOf(await call(closes))).toBe('failed: Your server closed the request before finishing.');
  expect(textOf(await call(short))).toBe('failed: Your server closed the request before finishing.');
  expect(textOf(await call(garbage))).toMatch(/^failed: Your server's answer is not valid HTTP/);
});

test('connections are reused, and one that was closed while idle costs no call', async () => {
  const { url, received, server } = await serve((_request, response) => response.end('ok'));
  for (let i = 0; i < 10; i++) expect(textOf(await call(url))).toBe('ok');
  expect(new Set(received.map((request) => request.socket)).size).toBeLessThanOrEqual(4);

  for (let i = 0; i < 20; i++) {
    const open = new Set(received.map((request) => request.socket).filter((socket) => !socket.destroyed));
    const closed = [...open].map((socket) => once(socket, 'close'));
    server.closeIdleConnections();
    await Promise.all(closed);
    expect(textOf(await call(url))).toBe('ok');
  }
});

test('a reused connection that breaks after the request was written fails the call; nothing is sent twice', async () => {
  let requests = 0;
  const url = await serveTcp((socket) => {
    requests += 1;
    if (requests === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    else socket.resetAndDestroy();
  });
  const alone = new Agent({ connections: 1, allowH2: false });
  closers.push(() => alone.destroy());
  const request = { url, headers: {}, body: 'x', timeoutMs: 5_000 };

  expect(textOf(await new HttpCall(alone, request, 100).run())).toBe('ok');
  const second = await new HttpCall(alone, request, 100).run();

  expect(second).toMatchObject({ kind: 'failed', error: { code: 'http_unreachable' } });
  expect(requests).toBe(2);
});

test('compressed bytes are left as they came, for the decoder', async () => {
  const packed = gzipSync('hello');
  const { url } = await serve((_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed),
  );

  expect(await call(url)).toMatchObject({ kind: 'answered', headers: { 'content-encoding': 'gzip' }, bytes: packed });
});

test('more calls than connections wait their turn', async () => {
  const { url, received } = await serve((_request, response) => response.end('ok'));

  const outcomes = await Promise.all(Array.from({ length: 40 }, () => call(url)));

  expect(outcomes.map(textOf)).toEqual(Array.from({ length: 40 }, () => 'ok'));
  expect(new Set(received.map((request) => request.socket)).size).toBeLessThanOrEqual(4);
});
