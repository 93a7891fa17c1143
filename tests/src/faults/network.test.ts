import { startMischief, startTcpProxy } from '@perdure/testing';
import { expect, test } from 'vitest';

import { mixedEvent } from '../harness/audit/audited-functions.ts';
import { expectPromisesKept, startAuditor } from '../harness/audit/auditor.ts';
import { startLoad } from '../harness/audit/load.ts';
import { startCluster } from '../harness/cluster.ts';
import { downtimeMs, pass, seed, seeded } from '../harness/seed.ts';

test(
  `[E132][E133][E135][E136] connections to NATS, Redis, Postgres and the application are slow, cut, refused and half-open: nothing is lost, nothing is doubled (PERDURE_SEED=${seed})`,
  { timeout: 900_000 },
  async (ctx) => {
    const cluster = await startCluster(ctx, { proxied: true, args: ['--retry-interval', '1'] });
    const auditor = await startAuditor(ctx);
    const toApp = await startTcpProxy({ to: auditor.url });
    ctx.onTestFinished(() => toApp.stop());
    await auditor.register(cluster.url, toApp.through(auditor.url));
    const load = startLoad(cluster.api, 40, mixedEvent);

    const ids = seeded();
    const mischief = startMischief({
      proxies: { ...cluster.proxies, application: toApp },
      random: () => ids.random(),
      holdMsMax: downtimeMs(20_000, 2_500),
      quietMsMax: downtimeMs(5_000, 800),
    });
    ctx.onTestFailed(() => console.error(`what was done:\n${mischief.done.join('\n')}`));
    await pass('mischief', downtimeMs(300_000, 25_000));
    const done = await mischief.stop();
    await pass('quiet', 1_000);

    expect(done.length).toBeGreaterThan(5);
    await expectPromisesKept(auditor, cluster.api, await load.stop(), { waitMs: 300_000 });
  },
);
