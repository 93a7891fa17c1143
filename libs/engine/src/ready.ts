import type { Ports } from './ports.ts';

/** A port that does not answer within this time counts as down. */
const PROBE_MS = 2_000;

const PROBES = {
  store: { name: 'store', ask: askEveryCell },
  stream: { name: 'event stream', ask: (ports: Ports) => ports.stream.lag('runner') },
  history: { name: 'history', ask: (ports: Ports) => ports.history.ping() },
} as const;

/** The cheapest question that a cell answers; counting would look at every lane. */
async function askEveryCell({ store }: Ports): Promise<void> {
  await Promise.all(store.cells.map((cell) => cell.epoch()));
}

/** A port that a role cannot do its work without. */
export type NeededPort = keyof typeof PROBES;

/** Which of the ports do not answer, as sentences, within 3 seconds; empty when the process can do its work. */
export async function isReady(ports: Ports, needs: readonly NeededPort[]): Promise<string[]> {
  const asked = [...new Set(needs)].map((need) => PROBES[need]);
  const problems = await Promise.all(asked.map(({ name, ask }) => problemOf(name, () => ask(ports))));
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
