import { open, type Database } from 'lmdb';

/** Of a large database only what fits into this time is read: damage elsewhere shows when it is used. */
const READING_MS_MAX = 300;
const BINARY = { encoding: 'binary', keyEncoding: 'binary' } as const;

/** Walks every entry of every database in the folder; whatever is wrong throws, or ends the process. */
function walk(path: string): void {
  const end = performance.now() + READING_MS_MAX;
  const root = open<Buffer, Buffer>({ path, readOnly: true, maxDbs: 64, ...BINARY });
  const names = Array.from(root.getKeys(), (name) => name.toString('utf8').replaceAll('\0', ''));
  assertCount('the list of databases', root, names.length);
  for (const name of names) {
    const database = root.openDB<Buffer, Buffer>(name, BINARY);
    let entries = 0;
    for (const { value } of database.getRange()) {
      if (performance.now() > end) return;
      // Reading the value maps all its pages.
      entries += value.length >= 0 ? 1 : 0;
    }
    assertCount(name, database, entries);
  }
}

/** A page of garbage may read as one without entries: the count that its parent keeps tells. */
function assertCount(name: string, database: Database<Buffer, Buffer>, found: number): void {
  const { entryCount }: { entryCount?: number } = database.getStats();
  if (found !== entryCount) throw new Error(`${name} has ${found} entries instead of ${entryCount}`);
}

try {
  walk(process.argv[2] ?? '');
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
