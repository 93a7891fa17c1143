import { isUlid, type RunId, ulidTimeMs } from '@perdure/domain';
import type { RunHistory } from '@perdure/history';
import type { Ports } from '../ports.ts';
import { runRow } from './run-row.ts';

/** A run this young that has ended already may be on its way to history: then it is looked for a while. */
const YOUNG_MS = 10_000;
const ON_ITS_WAY_MS = 2_000;
const LOOK_AGAIN_MS = 50;

/** The run as it is now: of history, or, where history has yet to hear of it, of the store. */
export async function findRun(ports: Ports, runId: RunId): Promise<RunHistory | undefined> {
  const startedAt = ports.clock.now();
  for (;;) {
    const run = await look(ports, runId);
    if (run !== undefined || !isYoung(runId, startedAt)) return run;
    if (ports.clock.now() - startedAt >= ON_ITS_WAY_MS) return undefined;
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

function isYoung(runId: RunId, now: number): boolean {
  return isUlid(runId) && Math.abs(now - ulidTimeMs(runId)) < YOUNG_MS;
}

async function look(ports: Ports, runId: RunId): Promise<RunHistory | undefined> {
  const row = await ports.history.findRun(runId);
  if (row !== undefined && row.status !== 'Scheduled') return row;
  const live = await ports.store.findRun(runId);
  if (live === undefined) return row;
  return { ...runRow(live, { status: live.status }), ...row, status: live.status };
}
