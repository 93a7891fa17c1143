import { parentPort, workerData } from 'node:worker_threads';
import type { PGlite } from '@electric-sql/pglite';

import { startInFolder, startInMemory } from './start-pglite.ts';
import type { WorkerReply, WorkerRequest, WorkerStart } from './worker-messages.ts';

/**
 * The thread of PGlite, which blocks the one it runs on. It uses no package of the workspace: it is started as it is,
 * from the sources in tests and from what was built otherwise.
 */
const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker');
const reply = (message: WorkerReply): void => port.postMessage(message, []);

async function start(): Promise<PGlite> {
  const options = workerData as WorkerStart;
  return options.folder === undefined ? startInMemory(options) : startInFolder(options.folder, options);
}

async function answer(database: PGlite, request: Exclude<WorkerRequest, 'close'>): Promise<void> {
  const { id, sql, parameters } = request;
  try {
    const { rows, affectedRows = 0 } = await database.query(sql, [...parameters]);
    reply({ kind: 'result', id, rows, affectedRows });
  } catch (error) {
    const { message, code } = error as { message: string; code?: string };
    reply({ kind: 'failure', id, message, code });
  }
}

async function close(database: PGlite): Promise<void> {
  await database.close();
  port?.close();
}

try {
  const database = await start();
  port.on(
    'message',
    (request: WorkerRequest) => void (request === 'close' ? close(database) : answer(database, request)),
  );
  reply({ kind: 'opened' });
} catch (error) {
  reply({ kind: 'open-failed', message: error instanceof Error ? error.message : String(error) });
}
