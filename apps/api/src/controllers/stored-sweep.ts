import { DEFAULT_ENV_ID, isUlid } from '@perdure/domain';
import { apiFailure } from '@perdure/boot';
import type { Ports } from '@perdure/engine';

type Sweep = NonNullable<Awaited<ReturnType<Ports['sweeps']['findSweep']>>>;

const LISTED_MAX = 100;

/** The newest sweeps of one kind. */
export function listSweeps({ sweeps }: Ports, kind: Sweep['kind']): Promise<Sweep[]> {
  return sweeps.listSweeps({ envId: DEFAULT_ENV_ID, kind, sweepsMax: LISTED_MAX });
}

/** The sweep of the path of a request; 400 when that is no ID, 404 when there is none of this kind. */
export async function getSweep({ sweeps }: Ports, kind: Sweep['kind'], id: string): Promise<Sweep> {
  if (!isUlid(id)) throw apiFailure(400, `Invalid ${kind} ID`);
  const sweep = await sweeps.findSweep(id);
  if (sweep === undefined || sweep.kind !== kind) throw apiFailure(404, `There is no ${kind} ${id}`);
  return sweep;
}

/** Ends it, wherever it is. A repeat, or one that is through, changes nothing. */
export async function stopSweep(ports: Ports, kind: Sweep['kind'], id: string): Promise<{ ok: true }> {
  await getSweep(ports, kind, id);
  await ports.sweeps.stopSweep(id, ports.clock.now());
  return { ok: true };
}
