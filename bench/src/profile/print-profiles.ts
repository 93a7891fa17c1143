import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { topSelfTimes, type CpuProfile } from './summarise-profile.ts';

const FUNCTIONS_MAX = 25;

/** A table of self times for each profile (one a thread) that a profiled server left in `dir`. */
export async function describeProfiles(dir: string): Promise<string> {
  const files = (await readdir(dir)).filter((file) => file.endsWith('.cpuprofile')).toSorted();
  const tables = await Promise.all(files.map((file) => describeProfile(dir, file)));
  return tables.join('\n\n');
}

async function describeProfile(dir: string, file: string): Promise<string> {
  const profile = JSON.parse(await readFile(join(dir, file), 'utf8')) as CpuProfile;
  const lines = topSelfTimes(profile, FUNCTIONS_MAX).map(
    ({ where, ms, share }) => `${(share * 100).toFixed(1).padStart(5)} %  ${ms.toFixed(0).padStart(7)} ms  ${where}`,
  );
  return [`self time in ${join(dir, file)}`, ...lines].join('\n');
}
