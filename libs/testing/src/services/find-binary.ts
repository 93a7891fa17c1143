import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** The path of the first of `names` that can be executed, looked up in PATH and then in `folders`. */
export async function findBinary(names: string[], folders: string[] = []): Promise<string | undefined> {
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of names) {
    for (const folder of [...path, ...folders]) {
      const candidate = join(folder, name);
      if (await isExecutable(candidate)) return candidate;
    }
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
