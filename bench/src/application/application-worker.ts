/**
 * The application's thread: answers calls and reports them in batches, one a turn of its event loop, so that watching
 * costs little beside answering.
 */
import { parentPort, workerData } from 'node:worker_threads';

import { startScriptedApp } from '@perdure/testing';

import { APP_NAME, benchFunctions, type CallRecord } from './functions.ts';

/** What the main thread may ask for. */
export type ApplicationRequest = { kind: 'register'; serverUrl: string } | { kind: 'stop' };

/** What this thread reports. */
export type ApplicationReport =
  | { kind: 'started'; url: string }
  | { kind: 'registered'; error?: string }
  | { kind: 'calls'; calls: CallRecord[] }
  | { kind: 'stopped' };

let batch: CallRecord[] = [];

function report(message: ApplicationReport): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
  parentPort?.postMessage(message);
}

function flush(): void {
  const calls = batch;
  batch = [];
  report({ kind: 'calls', calls });
}

/** What registration needs where keys are checked. */
const { bearer } = workerData as { bearer?: string };

const app = await startScriptedApp({
  name: APP_NAME,
  ...(bearer !== undefined && { bearer }),
  callsKept: 0,
  functions: benchFunctions((call) => {
    if (batch.push(call) === 1) setImmediate(flush);
  }),
});

parentPort?.on('message', (request: ApplicationRequest) => void serve(request));
report({ kind: 'started', url: app.url });

async function serve(request: ApplicationRequest): Promise<void> {
  switch (request.kind) {
    case 'register':
      try {
        await app.register(request.serverUrl);
        report({ kind: 'registered' });
      } catch (error) {
        report({ kind: 'registered', error: String(error) });
      }
      return;
    case 'stop':
      await app.stop();
      report({ kind: 'stopped' });
      parentPort?.close();
      return;
    default:
      request satisfies never;
  }
}
