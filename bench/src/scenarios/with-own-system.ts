import { BenchApplication } from '../application/bench-application.ts';
import { EventClient } from '../client/event-client.ts';
import type { Figure } from '../report/figure.ts';
import type { Bench } from './scenario.ts';

/**
 * Measures a system of its own, started with these flags, with an application of its own, and leaves nothing behind for other
 * scenarios. Where none can be started the one that there is has to do.
 */
export async function withOwnSystem(
  bench: Bench,
  flags: string[],
  measure: (own: Bench) => Promise<Figure[]>,
): Promise<Figure[]> {
  if (bench.startSystem === undefined) return measure(bench);
  const system = await bench.startSystem(flags);
  const application = await BenchApplication.start(bench.signingKey);
  const client = new EventClient(system.eventUrl, bench.eventKey);
  try {
    await application.register(system.apiUrl);
    const { eventUrl: serverUrl, apiUrl, processes } = system;
    return await measure({ ...bench, application, client, serverUrl, apiUrl, processes });
  } finally {
    await client.close();
    await system.stop();
    await application.stop();
  }
}
