import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Kysely } from 'kysely';

import { migrateToLatest } from '../../sql/migrate.ts';
import { PgliteThreadDialect } from '../pglite-dialect.ts';
import { PgliteThread } from '../pglite-thread.ts';
import { dumpFolder } from './dump-folder.ts';
import { pgliteVersion, readManifest, TEMPLATE, type TemplateManifest } from './template.ts';

/**
 * Makes the migrated database that new ones are copied from; does nothing when it is there already. Run at build time.
 * Both forms are kept: a copied folder opens fastest on disk (0.4 s; from the tar file 0.8 s), and one in memory can only
 * be filled from the tar file (0.5 s).
 */
const wanted: TemplateManifest = { pglite: pgliteVersion(), migrations: hashMigrations() };
const found = readManifest();
if (found?.pglite !== wanted.pglite || found.migrations !== wanted.migrations) await build();

async function build(): Promise<void> {
  for (const path of Object.values(TEMPLATE)) rmSync(path, { recursive: true, force: true });
  mkdirSync(dirname(TEMPLATE.folder), { recursive: true });
  const thread = await PgliteThread.open({ folder: TEMPLATE.folder });
  const db = new Kysely<unknown>({ dialect: new PgliteThreadDialect(thread) });
  await migrateToLatest(db);
  await db.destroy();
  writeFileSync(TEMPLATE.tar, await dumpFolder(TEMPLATE.folder));
  writeFileSync(TEMPLATE.manifest, JSON.stringify(wanted));
}

function hashMigrations(): string {
  const folder = new URL('../../sql/migrations/', import.meta.url);
  const hash = createHash('sha256');
  for (const name of readdirSync(folder).toSorted()) {
    // From `dist` there are declarations and maps beside them.
    if (/\.(ts|js)$/.test(name) && !name.endsWith('.d.ts')) hash.update(readFileSync(new URL(name, folder)));
  }
  return hash.digest('hex');
}
