import { startScriptedApp } from '@perdure/testing';
import { expect, test } from 'vitest';

import { BATCH_SIZE, FLOW_APP, flowEvent, FlowWitness, THROTTLE } from '../harness/audit/flow-witness.ts';
import type { AcknowledgedEvent } from '../harness/audit/ledger.ts';
import { startLoad } from '../harness/audit/load.ts';
import { startCluster } from '../harness/cluster.ts';
import { examineOnceEmpty } from '../harness/examine.ts';
import { until } from '../harness/poll.ts';
import { isSoak, pass, seed, seeded } from '../harness/seed.ts';
import { hasEnded, type ServerApi } from '../harness/server-api.ts';

const EVENTS_PER_SECOND = 72;
const KILLS = isSoak ? 20 : 3;
/** Leases of 30 s run out, and what waited for them is made up for. */
const DRAIN_MS_MAX = 180_000;
/** Answers that the test asks for at once. */
const REQUESTS_AT_ONCE = 20;
/** How late a granted start may reach the application on a busy machine. */
const JITTER_MS = 1_000;

/** The status of the run of each event, by the event's ID; nothing where there is no run. Fails where there are two. */
async function endings(api: ServerApi, events: readonly AcknowledgedEvent[]): Promise<Map<string, string>> {
  const ended = new Map<string, string>();
  let rest = [...events];
  const ask = async (queue: AcknowledgedEvent[], open: AcknowledgedEvent[]): Promise<void> => {
    for (let event = queue.pop(); event !== undefined; event = queue.pop()) {
      const [run, ...others] = await api.runsOf(event.id);
      if (others.length > 0) throw new Error(`${event.name} ${event.id} has ${others.length + 1} runs`);
      if (run !== undefined && hasEnded(run)) ended.set(event.id, run.status);
      else if (run !== undefined || !isReplaceable(event)) open.push(event);
    }
  };
  const look = async () => {
    const open: AcknowledgedEvent[] = [];
    await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, () => ask(rest, open)));
    rest = open;
    return rest.length === 0 || undefined;
  };
  const describe = () => `${rest.length} are open, such as ${JSON.stringify(rest.slice(0, 5))}`;
  await until('the ends of all runs', look, { waitMs: DRAIN_MS_MAX, describe });
  return ended;
}

/** Of a debounced function: a newer event may have taken its place. */
function isReplaceable({ name }: AcknowledgedEvent): boolean {
  return name === `${FLOW_APP}/quiet`;
}

/** By key: the number of the newest of the first `count` events of the debounced function. */
function newestOfKeys(count: number): Map<string, number> {
  const newest = new Map<string, number>();
  for (let n = 1; n <= count; n += 1) {
    const { name, data } = flowEvent(n);
    if (name === `${FLOW_APP}/quiet`) newest.set(data?.['key'] as string, n);
  }
  return newest;
}

/** Windows of the starts that hold more than the bucket gives in their time; `more`: calls that a kill may have delayed. */
function overdrafts(starts: readonly number[], more: number): string[] {
  return starts.flatMap((from, first) =>
    starts.slice(first).flatMap((to, after) => {
      const refilled = ((to - from + JITTER_MS) * THROTTLE.limit) / THROTTLE.periodMs;
      const allowed = THROTTLE.limit + refilled + more;
      return after + 1 > allowed ? [`${after + 1} starts in ${to - from} ms`] : [];
    }),
  );
}

test(
  `kill -9 of executors while every kind of flow control is at work: limits hold at every instant, nothing is lost or stuck (PERDURE_SEED=${seed})`,
  { timeout: 600_000 },
  async (ctx) => {
    const ids = seeded();
    const cluster = await startCluster(ctx, { runners: 2, executors: 2 });
    const witness = new FlowWitness();
    const app = await startScriptedApp({ name: FLOW_APP, functions: witness.functions });
    ctx.onTestFinished(() => app.stop());
    await app.register(cluster.url);
    const load = startLoad(cluster.api, EVENTS_PER_SECOND, flowEvent);

    // While one starts again the other is killed.
    const starts: Promise<void>[] = [];
    for (let i = 0; i < KILLS; i += 1) {
      await starts[i - 2];
      await pass('quiet', 1_500 + ids.random() * 1_500);
      const executor = cluster.executors[i % 2];
      if (executor === undefined) throw new Error('a cluster of this test has two executors');
      await executor.kill9();
      starts.push(executor.start());
    }
    const events = await load.stop();
    await Promise.all(starts);

    const ended = await endings(cluster.api, events);
    const newest = newestOfKeys(events.length);
    const hasNewest = () => [...newest].every(([key, n]) => witness.newestOf.get(key) === n) || undefined;
    await until('the newest event of each key', hasNewest, { waitMs: DRAIN_MS_MAX });
    const found = await examineOnceEmpty(cluster);

    expect(events.length).toBeGreaterThan(500);
    expect(Object.keys(load.answers)).toEqual(['200']);
    expect(witness.cut).toBeGreaterThan(0);
    expect(witness.violations).toEqual([]);
    expect(overdrafts(witness.starts, KILLS)).toEqual([]);
    // Each event went into one run, however often it was called; no batch is too large, and some are full.
    expect([...witness.runsOf].filter(([, runs]) => runs.size > 1)).toEqual([]);
    const sizes = [...witness.sizeOf.values()];
    expect(Math.max(...sizes)).toBe(BATCH_SIZE);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(
      events.filter(({ name }) => name.endsWith('/batched')).length,
    );

    const statuses = new Map<string, Set<string>>();
    for (const { id, name } of events) {
      const status = ended.get(id);
      if (status !== undefined) statuses.set(name, (statuses.get(name) ?? new Set()).add(status));
    }
    // Those that come while one is under way are skipped; on a fast machine none does.
    statuses.get(`${FLOW_APP}/single`)?.delete('Skipped');
    expect(Object.fromEntries(statuses)).toEqual({
      [`${FLOW_APP}/keyed`]: new Set(['Completed']),
      [`${FLOW_APP}/runs`]: new Set(['Completed']),
      [`${FLOW_APP}/throttled`]: new Set(['Completed']),
      [`${FLOW_APP}/batched`]: new Set(['Completed']),
      [`${FLOW_APP}/quiet`]: new Set(['Completed']),
      [`${FLOW_APP}/single`]: new Set(['Completed']),
    });
    expect(found).toMatchObject({
      invariants: 'ok: all hold',
      queue: expect.stringMatching(/^ok: 0 runs: 0 steps at work, 0 ready, 0 for later, 0 waits/),
      leftovers: 'ok: none',
    });
  },
);
