import { parentPort } from 'node:worker_threads';

import type { CallRecord } from './functions.ts';

/** What the main thread may ask an application's thread for. */
export type ApplicationRequest = { kind: 'register'; serverUrl: string } | { kind: 'open-gate' } | { kind: 'stop' };

/** What an application's thread reports. */
export type ApplicationReport =
  | { kind: 'started'; url: string }
  | { kind: 'registered'; error?: string }
  | { kind: 'calls'; calls: CallRecord[] }
  | { kind: 'stopped' };

export function report(message: ApplicationReport): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
  parentPort?.postMessage(message);
}

let batch: CallRecord[] = [];

/** Calls are reported in batches, one a turn of the event loop, so that watching costs little beside answering. */
export function reportCall(call: CallRecord): void {
  if (batch.push(call) === 1) setImmediate(flush);
}

function flush(): void {
  const calls = batch;
  batch = [];
  report({ kind: 'calls', calls });
}

/** Tells that the application answers at `url` and does what the main thread asks for, until it is stopped. */
export function serveMainThread(
  app: { url: string; register(serverUrl: string): Promise<unknown>; stop(): Promise<void> },
  openGate?: () => void,
): void {
  parentPort?.on('message', (request: ApplicationRequest) => {
    if (request.kind === 'open-gate') openGate?.();
    else void serve(app, request);
  });
  report({ kind: 'started', url: app.url });
}

async function serve(
  app: Parameters<typeof serveMainThread>[0],
  request: Exclude<ApplicationRequest, { kind: 'open-gate' }>,
): Promise<void> {
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
