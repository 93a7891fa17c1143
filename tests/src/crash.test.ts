import { testIds } from '@perdure/testing';
import { expect, test } from 'vitest';

import { expectPromisesKept, startAuditor } from './harness/audit/auditor.ts';
import { startLoad } from './harness/audit/load.ts';
import { until } from './harness/poll.ts';
import { startServer } from './harness/server.ts';

const KILLS = 10;
/** A kill comes this long after the server is ready, at most and at least. */
const KILL_MS_MAX = 2_500;
const KILL_MS_MIN = 100;
const EVENTS_PER_SECOND = 500;
const RUNS_LOOKED_AT = 300;

const seed = Number(process.env['PERDURE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

test(
  `[E24] kill -9 at ${KILLS} random moments under ${EVENTS_PER_SECOND} events a second: nothing that was answered is lost, nothing is doubled, every run ends (PERDURE_SEED=${seed})`,
  { timeout: 300_000 },
  async (ctx) => {
    console.log(`crash test: PERDURE_SEED=${seed} repeats it`);
    const ids = testIds(seed);
    const server = await startServer({ persist: true });
    ctx.onTestFinished(() => server.stop());
    ctx.onTestFailed(() => console.error(`the log of the server, its end:\n${server.log}`));
    const auditor = await startAuditor(ctx);
    await auditor.register(server.url);

    const load = startLoad(server.api, EVENTS_PER_SECOND, (n) => ({
      name: n % 2 === 0 ? 'audit/two' : 'audit/three',
    }));
    for (let kill = 0; kill < KILLS; kill += 1) {
      const killAt = performance.now() + KILL_MS_MIN + ids.random() * (KILL_MS_MAX - KILL_MS_MIN);
      await until('the moment of the kill', () => performance.now() > killAt || undefined);
      await server.kill9();
      await server.start();
    }
    const acknowledged = await load.stop();
    const report = await expectPromisesKept(auditor, server.api, acknowledged);

    console.log(`crash test: ${acknowledged.length} events answered, ${report.calls} calls, ${KILLS} kills`);
    expect(acknowledged.length).toBeGreaterThan(1_000);
    for (let i = 0; i < RUNS_LOOKED_AT; i += 1) {
      const eventId = acknowledged[Math.floor(ids.random() * acknowledged.length)]?.id ?? '';
      expect(await server.api.waitForRuns(eventId, 1)).toMatchObject([{ status: 'Completed', event_id: eventId }]);
    }
  },
);
