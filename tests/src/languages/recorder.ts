import { createServer, request as send, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request and its answer, as both went over the wire. */
export interface Exchange {
  method: string;
  /** With the query. */
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  status: number;
  answerHeaders: IncomingHttpHeaders;
  answer: string;
}

/** Passes HTTP on and keeps what was said. */
export interface Recorder {
  readonly url: string;
  /** What has been answered so far, the oldest first. */
  readonly exchanges: readonly Exchange[];
  stop(): Promise<void>;
}

/** Starts one in front of the server at the origin that `target` names when a request comes. */
export async function startRecorder(target: () => string): Promise<Recorder> {
  const exchanges: Exchange[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method = 'GET', url: path = '/', headers } = incoming;
    const asked = textOf(incoming);
    const passed = send(new URL(path, target()), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
      void Promise.all([asked, textOf(answer)]).then(([body, text]) =>
        exchanges.push({
          method,
          path,
          headers,
          body,
          status: answer.statusCode ?? 502,
          answerHeaders: answer.headers,
          answer: text,
        }),
      );
    });
    passed.on('error', () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()));
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function textOf(message: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A message that is cut off counts as far as it came.
    message.once('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
  });
}
