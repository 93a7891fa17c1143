import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { JsonValue } from '@perdure/domain';
import type { TestContext } from 'vitest';

export interface OutsideRequest {
  method: string;
  /** Path and query. */
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A server that is neither the platform nor an application: what steps fetch from. */
export interface OutsideWorld {
  readonly url: string;
  /** In the order in which they came. */
  readonly requests: readonly OutsideRequest[];
}

/** `answer` writes the whole answer, or none. Stops with the test. */
export async function startOutsideWorld(
  ctx: TestContext,
  answer: (request: OutsideRequest, response: ServerResponse) => unknown,
): Promise<OutsideWorld> {
  const requests: OutsideRequest[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const got = { method, url, headers, body };
      requests.push(got);
      answer(got, response);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  ctx.onTestFinished(() => {
    server.closeAllConnections();
    return new Promise((resolve) => void server.close(() => resolve()));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

export function answerJson(response: ServerResponse, status: number, body: JsonValue): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
