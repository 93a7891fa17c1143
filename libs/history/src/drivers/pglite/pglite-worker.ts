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

/**
 * A checkpoint bounds the log that is kept and that a start after a crash reads again (about 40 MB of it, half a second):
 * Postgres without its other processes makes none by itself, however long the log grows.
 */
const CHECKPOINT_BYTES = 16 * 1024 * 1024;
/** What a statement writes besides its parameters, roughly. */
const STATEMENT_BYTES = 500;
let bytesSinceCheckpoint = 0;

type Statement = Exclude<WorkerRequest, 'close'>;

interface PostgresFailure {
  message: string;
  /** SQLSTATE. */
  code?: string;
  severity?: string;
}

async function answer(database: PGlite, { id, sql, parameters }: Statement): Promise<void> {
  try {
    const { rows, affectedRows = 0 } = await database.query(sql, [...parameters]);
    reply({ kind: 'result', id, rows, affectedRows });
  } catch (error) {
    const failure = error as PostgresFailure;
    const code = isFatal(failure) ? undefined : failure.code;
    reply({ kind: 'failure', id, message: failure.message, code });
    if (isFatal(failure)) leave();
  }
  for (const parameter of parameters) bytesSinceCheckpoint += typeof parameter === 'string' ? parameter.length : 0;
  bytesSinceCheckpoint += STATEMENT_BYTES;
  if (bytesSinceCheckpoint >= CHECKPOINT_BYTES) await makeCheckpoint(database);
}

async function makeCheckpoint(database: PGlite): Promise<void> {
  bytesSinceCheckpoint = 0;
  try {
    await database.exec('checkpoint');
  } catch (error) {
    // Tried again after as many bytes more; whoever records is told about the disk by the statements themselves.
    if (isFatal(error as PostgresFailure)) leave();
  }
}

/** Postgres never answers again, as after it could not write its log. */
function isFatal({ severity }: PostgresFailure): boolean {
  return severity === 'PANIC' || severity === 'FATAL';
}

/** Ends the thread: a new one recovers all that was promised. */
function leave(): void {
  process.exit(1);
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
  port.close();
}
