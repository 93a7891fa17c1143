import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';

import type { OutboundAnswer, OutboundRequest } from '@perdure/protocol';
import { testSignal } from '@perdure/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { Egress, EgressOptions } from '../../egress.ts';
import { openHttpEgress } from './http-egress.ts';

interface Received {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

const closers: (() => Promise<unknown>)[] = [];
let egress: Egress;

beforeEach(() => {
  egress = openHttpEgress();
});

afterEach(async () => {
  await egress.close();
  for (const close of closers.splice(0)) await close();
});

async function serve(
  answer: (request: Received, response: ServerResponse) => unknown,
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const got = { method, url, headers, body };
      received.push(got);
      answer(got, response);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => void server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

function send(url: string, more: Partial<OutboundRequest & EgressOptions> = {}): Promise<OutboundAnswer> {
  const { timeoutMs = 5_000, answerBytesMax = 1_000, signal, onBody, ...request } = more;
  return egress.send(
    { url, method: 'POST', headers: {}, ...request },
    { timeoutMs, answerBytesMax, ...(signal && { signal }), ...(onBody && { onBody }) },
  );
}

test('[P71] method, headers and body go out as given; the answer comes back whole, whatever its status', async () => {
  const { url, received } = await serve((_got, response) => {
    response.writeHead(418, { 'x-two': ['a', 'b'], 'content-type': 'text/plain' });
    response.write('te');
    setImmediate(() => response.end('apot'));
  });

  const answer = await send(`${url}/a?b=c`, {
    method: 'PUT',
    headers: { authorization: 'Bearer x', host: 'elsewhere', 'content-length': '99' },
    body: 'bödy',
  });

  expect(answer).toMatchObject({ kind: 'answered', url: `${url}/a?b=c`, status: 418, body: 'teapot' });
  expect(answer).toMatchObject({ headers: { 'x-two': ['a', 'b'], 'content-type': ['text/plain'] } });
  expect(received).toMatchObject([{ method: 'PUT', url: '/a?b=c', body: 'bödy' }]);
  expect(received[0]?.headers).toMatchObject({ authorization: 'Bearer x', 'content-length': '5' });
  expect(received[0]?.headers.host).not.toBe('elsewhere');
});

test.each([
  ['gzip', gzipSync('packed')],
  ['br', brotliCompressSync('packed')],
] as const)('an answer in %s is unpacked', async (encoding, bytes) => {
  const { url } = await serve((_got, response) => response.writeHead(200, { 'content-encoding': encoding }).end(bytes));

  expect(await send(url)).toMatchObject({ kind: 'answered', body: 'packed' });
});

test.each([
  [307, 'POST', 'body'],
  [308, 'POST', 'body'],
  [301, 'GET', ''],
  [303, 'GET', ''],
])('a %i goes on as %s, and the answer tells where it came from', async (status, method, body) => {
  const { url, received } = await serve((got, response) =>
    got.url === '/there' ? response.end('here') : response.writeHead(status, { location: '/there' }).end(),
  );

  expect(await send(url, { body: 'body' })).toMatchObject({ kind: 'answered', url: `${url}/there`, body: 'here' });
  expect(received[1]).toMatchObject({ method, body });
});

test('credentials do not follow a redirect to another origin', async () => {
  const other = await serve((_got, response) => response.end('other'));
  const first = await serve((_got, response) => response.writeHead(307, { location: `${other.url}/` }).end());

  await send(first.url, { headers: { authorization: 'Bearer x', 'x-api-key': 'k', 'x-mine': 'm' }, body: 'b' });

  expect(first.received[0]?.headers).toMatchObject({ authorization: 'Bearer x', 'x-api-key': 'k' });
  expect(other.received[0]?.headers).toMatchObject({ 'x-mine': 'm' });
  expect(other.received[0]?.headers).not.toHaveProperty('authorization');
  expect(other.received[0]?.headers).not.toHaveProperty('x-api-key');
});

test('a redirect without end fails or is given as it is', async () => {
  let hops = 0;
  const { url } = await serve((_got, response) => response.writeHead(302, { location: `/${(hops += 1)}` }).end());

  expect(await send(url)).toMatchObject({ kind: 'answered', status: 302 });
  expect(hops).toBe(21);
});

test('an answer may be as large as the limit and not a byte more, unpacked too', async () => {
  let body: Buffer | string = 'x'.repeat(1_000);
  const { url } = await serve((got, response) => {
    if (got.url === '/packed') response.setHeader('content-encoding', 'gzip');
    response.end(body);
  });

  expect(await send(url)).toMatchObject({ kind: 'answered' });
  body = 'x'.repeat(1_001);
  expect(await send(url)).toEqual({ kind: 'too-large' });
  body = gzipSync('x'.repeat(1_001));
  expect(await send(`${url}/packed`)).toEqual({ kind: 'too-large' });
  expect(await send(url)).toMatchObject({ kind: 'answered' });
});

test('[P71] what goes wrong on the way is an answer with a reason, and never tells the request', async () => {
  const { url } = await serve((got, response) => (got.url === '/hang' ? undefined : response.destroy()));
  const secret = { headers: { authorization: 'Bearer secret' }, body: 'secret' };

  const answers = [
    await send('nonsense', secret),
    await send('ftp://host/file', secret),
    await send(`${url}/reset?key=secret`, secret),
    await send(`${url}/hang`, { ...secret, timeoutMs: 20 }),
    await send('http://127.0.0.1:1/?key=secret', secret),
    await send(url, { headers: { 'bad\nname': 'secret' } }),
    await send(url, { headers: { good: 'bad\nvalue secret' } }),
    await send(url, { method: 'NOT A METHOD' }),
  ];

  for (const answer of answers) {
    expect(answer).toEqual({ kind: 'failed', reason: expect.stringMatching(/./) as string });
    expect(JSON.stringify(answer)).not.toContain('secret');
  }
  expect(answers[3]).toEqual({ kind: 'failed', reason: 'no answer within 20 ms' });
  expect(answers[4]).toMatchObject({ reason: expect.stringContaining('ECONNREFUSED') as string });
});

test('an aborted request and closing settle what is open', async () => {
  const arrived = testSignal<string>();
  const { url } = await serve((got) => arrived.emit(got.url));
  const stop = new AbortController();

  const aborted = send(`${url}/1`, { signal: stop.signal });
  await arrived.next();
  stop.abort();
  expect(await aborted).toMatchObject({ kind: 'failed' });

  const cut = send(`${url}/2`);
  await arrived.next();
  await egress.close();
  expect(await cut).toMatchObject({ kind: 'failed' });
  await egress.close();
});

test('a body is told piece by piece while it comes in, with the status, and asked for as it is', async () => {
  const pieces: string[] = [];
  const first = Promise.withResolvers<void>();
  const { url, received } = await serve(async (_request, response) => {
    response.writeHead(202, { 'content-type': 'text/plain' }).write('first');
    await first.promise;
    response.end('second');
  });

  const answer = await send(url, {
    onBody: (bytes, status) => {
      pieces.push(`${status} ${Buffer.from(bytes).toString()}`);
      first.resolve();
    },
  });

  expect(answer).toMatchObject({ kind: 'answered', status: 202, body: 'firstsecond' });
  expect(pieces).toEqual(['202 first', '202 second']);
  expect(received[0]?.headers['accept-encoding']).toBe('identity');
});

test('of a body that is compressed although it was not asked for nothing is told', async () => {
  const pieces: unknown[] = [];
  const { url } = await serve((_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('text'));
  });

  expect(await send(url, { onBody: (bytes) => pieces.push(bytes) })).toMatchObject({ body: 'text' });
  expect(pieces).toEqual([]);
});
