import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Inngest } from 'inngest';
import { serve } from 'inngest/node';
import { sampleFunctions } from './functions.ts';
import type { SampleMessage } from './sample-message.ts';

const SERVE_PATH = '/api/inngest';

function tell(message: SampleMessage): void {
  process.send?.(message);
}

const serverUrl = process.argv[2];
if (serverUrl === undefined) throw new Error('usage: main.js SERVER_URL');

// The server that started this process is its only reason to live: without it the channel closes.
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches every process of the terminal: the server still has calls to finish that come here.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);

/** The functions say themselves what they do; a failure on purpose needs no stack trace. */
const ignore = (): void => undefined;
const quiet = { info: ignore, warn: ignore, error: ignore, debug: ignore };

const client = new Inngest({
  id: 'perdure-sample',
  isDev: true,
  baseUrl: serverUrl,
  eventKey: 'sample',
  logger: quiet,
});
const functions = sampleFunctions(client, (text, runId) => tell({ kind: 'says', text, runId }));
const server = createServer(serve({ client, functions, servePath: SERVE_PATH }));
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  tell({ kind: 'listening', url: `http://127.0.0.1:${port}${SERVE_PATH}` });
});
