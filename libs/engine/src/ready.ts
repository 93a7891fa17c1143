import { DEFAULT_ENV_ID } from '@perdure/domain';
import type { Ports } from './ports.ts';

/** A port that does not answer within this time counts as down. */
const PROBE_MS = 2_000;

/** Which ports do not answer, as sentences; empty when the process can do its work. */
export async function isReady(ports: Ports): Promise<string[]> {
  const probes: [string, () => Promise<unknown>][] = [
    ['store', () => ports.store.counts()],
    ['event stream', () => ports.stream.lag('runner')],
    ['history', () => ports.registry.listApps(DEFAULT_ENV_ID)],
  ];
  const problems = await Promise.all(probes.map(([name, probe]) => problemOf(name, probe)));
  return problems.filter((problem) => problem !== undefined);
}

async function problemOf(name: string, probe: () => Promise<unknown>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`the ${name} does not answer`), PROBE_MS);
  });
  const answer = probe().then(
    () => undefined,
    (error: unknown) => `the ${name} failed: ${error instanceof Error ? error.message : String(error)}`,
  );
  const problem = await Promise.race([answer, late]);
  clearTimeout(timer);
  return problem;
}
