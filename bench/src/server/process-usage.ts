import { readFile } from 'node:fs/promises';

/** Clock ticks a second of /proc: 100 on every Linux that Node supports. */
const TICKS_PER_SECOND = 100;

/** CPU time used by all threads of a process so far, in ms; undefined where /proc is not there to tell. */
export async function cpuMs(pid: number): Promise<number | undefined> {
  const stat = await readProc(pid, 'stat');
  // The second field is the command in parentheses and may hold spaces: count from behind it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [fields?.[11], fields?.[12]];
  if (user === undefined || system === undefined) return undefined;
  return ((Number(user) + Number(system)) / TICKS_PER_SECOND) * 1_000;
}

/** CPU time of several processes together; undefined when that of none can be told. */
export async function cpuOfAll(pids: readonly number[]): Promise<number | undefined> {
  const known = (await Promise.all(pids.map(cpuMs))).filter((ms) => ms !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, ms) => sum + ms, 0);
}

/** Resident memory of a process in MiB; undefined where /proc is not there to tell. */
export async function residentMib(pid: number): Promise<number | undefined> {
  const status = await readProc(pid, 'status');
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status ?? '')?.[1];
  return kib === undefined ? undefined : Number(kib) / 1_024;
}

async function readProc(pid: number, file: string): Promise<string | undefined> {
  if (process.platform !== 'linux') return undefined;
  return readFile(`/proc/${pid}/${file}`, 'utf8');
}
