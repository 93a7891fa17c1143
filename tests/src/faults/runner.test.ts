import { expect, test } from 'vitest';

import { expectPromisesKept, startAuditor } from '../harness/audit/auditor.ts';
import { startLoad } from '../harness/audit/load.ts';
import { startCluster } from '../harness/cluster.ts';
import { downtimeMs, isSoak, pass, seed, seeded } from '../harness/seed.ts';

const EVENTS_PER_SECOND = 1_000;

test(
  `[E132] kill -9 and SIGSTOP of runners under ${EVENTS_PER_SECOND} events a second: each event's runs exactly once (PERDURE_SEED=${seed})`,
  { timeout: 600_000 },
  async (ctx) => {
    const ids = seeded();
    const cluster = await startCluster(ctx, { runners: 2, executors: 1 });
    const auditor = await startAuditor(ctx);
    await auditor.register(cluster.url);
    const load = startLoad(cluster.api, EVENTS_PER_SECOND, () => ({ name: 'audit/one' }));

    for (let i = 0; i < (isSoak ? 20 : 4); i += 1) {
      const runner = cluster.runners[i % 2];
      await pass('quiet', 200 + ids.random() * 800);
      if (i % 4 === 3) {
        runner?.freeze();
        await pass('the freeze', ids.random() * downtimeMs(40_000, 2_000));
        runner?.thaw();
      } else {
        await runner?.kill9();
        await runner?.start();
      }
    }
    const acknowledged = await load.stop();
    await expectPromisesKept(auditor, cluster.api, acknowledged, { waitMs: 300_000 });

    expect(acknowledged.length).toBeGreaterThan(1_000);
  },
);

test('kill -9 of the front: what was answered is there, and it answers again', { timeout: 180_000 }, async (ctx) => {
  const cluster = await startCluster(ctx, { runners: 1, executors: 1 });
  const auditor = await startAuditor(ctx);
  await auditor.register(cluster.url);
  const load = startLoad(cluster.api, 300, (n) => ({ name: n % 2 === 0 ? 'audit/one' : 'audit/two' }));

  for (let i = 0; i < 3; i += 1) {
    await pass('quiet', 700);
    await cluster.front.kill9();
    await cluster.front.start();
  }
  await pass('quiet', 500);

  await expectPromisesKept(auditor, cluster.api, await load.stop());
  expect(load.answers).toMatchObject({ 200: expect.any(Number), 'no answer': expect.any(Number) });
});
