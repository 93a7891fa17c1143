import { expect, test } from 'vitest';

import { mixedEvent } from '../harness/audit/audited-functions.ts';
import { expectPromisesKept, startAuditor } from '../harness/audit/auditor.ts';
import { startLoad } from '../harness/audit/load.ts';
import { startCluster } from '../harness/cluster.ts';
import { examineOnceEmpty } from '../harness/examine.ts';
import { until } from '../harness/poll.ts';

const RUNS = 10_000;
const EVENTS_PER_SECOND = 400;

test(
  `[E137] ${RUNS} runs of every shape over two executors, one of them killed: nothing is left in the store, no invariant is broken`,
  { timeout: 900_000 },
  async (ctx) => {
    const cluster = await startCluster(ctx, { runners: 1, executors: 2 });
    const auditor = await startAuditor(ctx);
    await auditor.register(cluster.url);
    const load = startLoad(cluster.api, EVENTS_PER_SECOND, mixedEvent);

    await until('a third of the runs', async () => (await auditor.report()).runs > RUNS / 3 || undefined, {
      waitMs: 300_000,
    });
    await cluster.executors[0]?.kill9();
    await cluster.executors[0]?.start();
    await until('all runs', async () => (await auditor.report()).runs >= RUNS || undefined, { waitMs: 300_000 });
    await expectPromisesKept(auditor, cluster.api, await load.stop(), { waitMs: 300_000 });

    // The ends of the last runs are told by runs of their own.
    const found = await examineOnceEmpty(cluster);
    expect(found).toMatchObject({
      invariants: 'ok: all hold',
      outbox: expect.stringMatching(/^ok: 0 entries/),
      queue: expect.stringMatching(/^ok: 0 runs: 0 steps at work, 0 ready, 0 for later, 0 waits/),
      'dead letters of the runner': 'ok: none',
      'dead letters of the recorder': 'ok: none',
      leftovers: 'ok: none',
    });
  },
);
