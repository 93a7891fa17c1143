/** A thread that moves the write-ahead log of the file in `workerData` into the database whenever it is told to. */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

const PASSES = 3;

const db = new DatabaseSync(String(workerData));
db.exec('PRAGMA synchronous = NORMAL');
const checkpoint = db.prepare('PRAGMA wal_checkpoint(PASSIVE)');

parentPort?.on('message', () => {
  // Each pass leaves what was committed while it ran: the last one is short, and so is what it leaves.
  for (let pass = 0; pass < PASSES; pass++) checkpoint.all();
  parentPort?.postMessage('done', []);
});
