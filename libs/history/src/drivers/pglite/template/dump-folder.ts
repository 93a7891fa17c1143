import { PGlite } from '@electric-sql/pglite';

/** The tar file of a database folder, as `loadDataDir` takes it. */
export async function dumpFolder(folder: string): Promise<Buffer> {
  const database = await PGlite.create(folder);
  try {
    const tar = await database.dumpDataDir('none');
    return Buffer.from(await tar.arrayBuffer());
  } finally {
    await database.close();
  }
}
