import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { sendEvent } from './send-event.ts';

interface Server {
  url: string;
  requests: { path: string; body: unknown; authorization: string | undefined }[];
}

/** A server for events that always answers the same. */
async function answering(status: number, body: string): Promise<Server> {
  const requests: Server['requests'] = [];
  const take = async (request: IncomingMessage): Promise<void> => {
    const { url: path = '', headers } = request;
    requests.push({ path, body: JSON.parse(await text(request)), authorization: headers.authorization });
  };
  const server = createServer((request, response) => {
    void take(request).then(() => response.writeHead(status).end(body));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

const event = { name: 'shop/order.placed', data: { order: 'A-1' } };

test('an event is posted under its key, and its IDs are answered', async () => {
  const { url, requests } = await answering(200, '{"ids":["01ABC"],"status":200}');

  const sent = await sendEvent({ url: `${url}/perdure/`, eventKey: 'a/b', event: { ...event, id: 'mine' } });

  expect(sent).toEqual({ ok: true, ids: ['01ABC'] });
  expect(requests).toMatchObject([{ path: '/perdure/e/a%2Fb', body: { ...event, id: 'mine' } }]);
});

test('an event that the server refuses fails with what it says', async () => {
  const { url } = await answering(400, '{"ids":[],"status":400,"error":"event name is empty"}');

  expect(await sendEvent({ url, eventKey: 'k', event })).toEqual({
    ok: false,
    message: 'the server refused the event: event name is empty',
  });
});

test('a refused key is told apart from a missing one', async () => {
  const { url } = await answering(401, '{"status":401,"message":"","error":"Event key not found"}');

  expect(await sendEvent({ url, eventKey: 'k', event })).toMatchObject({ message: expect.stringMatching(/not know/) });
  expect(await sendEvent({ url, eventKey: undefined, event })).toMatchObject({
    message: expect.stringMatching(/wants an event key: give it as --event-key or PERDURE_EVENT_KEY/),
  });
});

test('what is no server for events is told', async () => {
  const { url } = await answering(200, '<html>');

  expect(await sendEvent({ url, eventKey: 'k', event })).toEqual({
    ok: false,
    message: `${url} is no server for events: it answered 200`,
  });
});

test('the login in an address goes to the server and into no message', async () => {
  const { url, requests } = await answering(400, '{"ids":[],"error":"no"}');
  const withLogin = url.replace('//', '//u:hunter%402@');

  await sendEvent({ url: withLogin, eventKey: 'k', event });
  const unreachable = await sendEvent({ url: 'http://u:hunter2@127.0.0.1:1', eventKey: 'k', event });

  expect(requests[0]?.authorization).toBe(`Basic ${Buffer.from('u:hunter@2').toString('base64')}`);
  expect(JSON.stringify(unreachable)).not.toContain('hunter2');
});

test('an address where nothing listens is told', async () => {
  expect(await sendEvent({ url: 'http://127.0.0.1:1', eventKey: 'k', event })).toEqual({
    ok: false,
    message: expect.stringMatching(/^no server answers at http:\/\/127\.0\.0\.1:1: .+/),
  });
});
