import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

import { DedupIndex } from './dedup-index.ts';
import { MessageTail } from './message-tail.ts';
import { StreamFile } from './stream-file.ts';
import { StreamLog, type Append } from './stream-log.ts';

const NOW = 1_000;

/** A log on a disk that refuses flushes while `disk.isFailing`. */
async function aLog(): Promise<{ log: StreamLog; disk: { isFailing: boolean } }> {
  const path = mkdtempSync(join(tmpdir(), 'perdure-stream-log-'));
  const file = await StreamFile.open(path);
  onTestFinished(async () => {
    await file.close();
    rmSync(path, { recursive: true, force: true });
  });
  const disk = { isFailing: false };
  const flush = file.flush.bind(file);
  file.flush = () => (disk.isFailing ? Promise.reject(new Error('the disk is gone')) : flush());
  const dedup = new DedupIndex(file.tables, 1_000, NOW);
  return { log: new StreamLog({ path, file, dedup, tail: new MessageTail(file.tables, 0) }), disk };
}

function appendOf(id: string): Append {
  return { messages: [{ id, topic: 'events', body: '' }], appended: 0, duplicates: 0 };
}

test('what could not be flushed is neither counted nor delivered, and answered only after a flush that has it', async () => {
  const { log, disk } = await aLog();
  await log.commit([appendOf('a')], [], NOW);
  disk.isFailing = true;

  await expect(log.commit([appendOf('b')], [], NOW)).rejects.toMatchObject({ code: 'STREAM_WRITE_FAILED' });
  await expect(log.commit([appendOf('b')], [], NOW)).rejects.toMatchObject({ code: 'STREAM_WRITE_FAILED' });
  expect([log.committedSeq, log.storedCount('events')]).toEqual([1, 1]);

  disk.isFailing = false;
  const repeated = appendOf('b');
  await log.commit([repeated, appendOf('c')], [], NOW);

  expect(repeated).toMatchObject({ appended: 0, duplicates: 1 });
  expect([log.committedSeq, log.storedCount('events')]).toEqual([3, 3]);
});
