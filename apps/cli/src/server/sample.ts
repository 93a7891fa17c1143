import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { sampleMainUrl, type SampleMessage } from '@perdure/app-sample';
import type { Logger } from '@perdure/telemetry';

/** Time the sample has to listen. */
const START_MS = 15_000;

export interface SampleApp {
  url: string;
  stop(): void;
}

/** Starts the sample application in a process of its own, and tells people what its functions do. */
export async function startSample(serverUrl: string, log: Logger): Promise<SampleApp> {
  const child = fork(fileURLToPath(sampleMainUrl), [serverUrl], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const url = await listening(child);
  child.on('message', (message: SampleMessage) => {
    if (message.kind === 'says') log.info(`sample: ${message.text}`, { runId: message.runId });
  });
  child.on('exit', (code) => {
    if (code !== 0 && code !== null) log.warn('the sample application stopped', { code });
  });
  return { url, stop: () => child.disconnect() };
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the sample application did not start in time')), START_MS);
    child.once('exit', (code) => reject(new Error(`the sample application stopped with code ${String(code)}`)));
    child.on('message', (message: SampleMessage) => {
      if (message.kind !== 'listening') return;
      clearTimeout(timer);
      resolve(message.url);
    });
  });
}
