/** The thread of an application that the real SDK serves, as it comes: steps are reported while a call goes on. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { workerData } from 'node:worker_threads';

import { Inngest } from 'inngest';
import { serve } from 'inngest/node';

import { nowMs } from '../now.ts';
import { eventNameOf, STEPS_PER_RUN, type FunctionName } from './functions.ts';
import { reportCall, serveMainThread } from './report-calls.ts';

const APP_NAME = 'bench-sdk';
const PATH = '/api/inngest';
const FN: FunctionName = 'checkpointed';

/** The server's key, where it checks one. */
const { bearer } = workerData as { bearer?: string };

const silent = { debug() {}, info() {}, warn() {}, error() {} };

let listener: RequestListener | undefined;
const server = createServer((request, response) => {
  if (listener === undefined) response.writeHead(503).end();
  else listener(request, response);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`;

serveMainThread({
  url,
  async register(serverUrl) {
    const client = new Inngest({
      id: APP_NAME,
      baseUrl: serverUrl,
      isDev: bearer === undefined,
      logger: silent,
      ...(bearer !== undefined && { signingKey: bearer }),
    });
    const tenSteps = client.createFunction(
      { id: FN, triggers: { event: eventNameOf(FN) } },
      async ({ event, step }) => {
        const arrivedAt = nowMs();
        for (let i = 1; i <= STEPS_PER_RUN; i++) await step.run(`step-${i}`, () => ({ step: i }));
        const { run } = event.data as { run: number };
        reportCall({ fn: FN, run, stepsDone: STEPS_PER_RUN, arrivedAt, answeredAt: nowMs() });
        return 'done';
      },
    );
    listener = serve({ client, functions: [tenSteps] });
    const answer = await fetch(url, { method: 'PUT' });
    if (!answer.ok) throw new Error(`registration was refused with ${answer.status}: ${await answer.text()}`);
    await answer.arrayBuffer();
  },
  async stop() {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  },
});
