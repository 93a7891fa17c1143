import { open } from 'node:fs/promises';

/** Makes the names of the files in a folder durable; what is in the files is flushed on its own. */
export async function flushFolder(path: string): Promise<void> {
  // Windows does not open folders, and keeps names in a journal of its own.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
