import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { testIds } from '@perdure/testing';
import { expect, test, type TestContext } from 'vitest';

import type { CrashAnswer, CrashQuestion } from './harness/crash-app.ts';
import { until } from './harness/poll.ts';
import { startServer, type PerdureServer } from './harness/server.ts';

const KILLS = 10;
/** A kill comes this long after the server is ready, at most and at least. */
const KILL_MS_MAX = 2_500;
const KILL_MS_MIN = 100;
const EVENTS_PER_SECOND = 500;
/** Requests come as often as this, each with the events that are due: a busy machine sends fewer, fuller ones. */
const REQUEST_EVERY_MS = 10;
/** A test that stood still does not send all that it missed. */
const EVENTS_PER_REQUEST_MAX = 100;
/** Jobs of the last kill wait for their leases to run out: 30 s, and 5 s until that is noticed (execution.md 7.2). */
const DRAIN_MS_MAX = 120_000;
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
    const app = await startApp(ctx);
    await app.ask({ kind: 'register', serverUrl: server.url });

    const sender = startSending(server);
    for (let kill = 0; kill < KILLS; kill += 1) {
      const killAt = performance.now() + KILL_MS_MIN + ids.random() * (KILL_MS_MAX - KILL_MS_MIN);
      await until('the moment of the kill', () => performance.now() > killAt || undefined);
      await server.kill9();
      await server.start();
    }
    const answered = await sender.stop();
    const missing = { count: answered.length, examples: [] as string[] };
    await until(
      'a finished event of every event that was answered',
      async () => {
        Object.assign(missing, await app.ask({ kind: 'missing', eventIds: answered }));
        return missing.count === 0 || undefined;
      },
      {
        waitMs: DRAIN_MS_MAX,
        describe: () => `${missing.count} of ${answered.length} are missing, such as ${missing.examples.join(', ')}`,
      },
    );
    // What is sent last comes last: a second finished event of an earlier run would have come before it.
    const last = await server.api.sendOne({ name: 'test/two' });
    await until(
      'the last run',
      async () => (await app.ask({ kind: 'missing', eventIds: [last] })).count === 0 || undefined,
    );

    const { report } = await app.ask({ kind: 'report' });
    console.log(`crash test: ${answered.length} events answered, ${report.calls} calls, ${KILLS} kills`);
    expect(answered.length).toBeGreaterThan(1_000);
    expect(report.violations).toEqual([]);
    expect(report.finishedTwice).toEqual([]);
    expect(report.ranTwice).toEqual([]);
    expect(Object.keys(report.statuses)).toEqual(['Completed']);
    for (let i = 0; i < RUNS_LOOKED_AT; i += 1) {
      const eventId = answered[Math.floor(ids.random() * answered.length)] ?? '';
      expect(await server.api.waitForRuns(eventId, 1)).toMatchObject([{ status: 'Completed', event_id: eventId }]);
    }
  },
);

/** Sends events until it is stopped, and answers the IDs of those that the server has acknowledged. */
function startSending(server: PerdureServer): { stop(): Promise<string[]> } {
  const answered: string[] = [];
  const open = new Set<Promise<void>>();
  let sent = 0;
  let lastAt = performance.now();
  const send = async (): Promise<void> => {
    const due = Math.floor(((performance.now() - lastAt) * EVENTS_PER_SECOND) / 1_000);
    if (due === 0) return;
    lastAt += (due * 1_000) / EVENTS_PER_SECOND;
    const events = Array.from({ length: Math.min(due, EVENTS_PER_REQUEST_MAX) }, () => ({
      name: (sent += 1) % 2 === 0 ? 'test/two' : 'test/three',
      data: { n: sent },
    }));
    try {
      answered.push(...(await server.api.send(...events)));
    } catch {
      // Nobody was there, or the answer was lost: such events may run or not.
    }
  };
  const timer = setInterval(() => {
    const request = send();
    open.add(request);
    void request.finally(() => open.delete(request));
  }, REQUEST_EVERY_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(open);
      return answered;
    },
  };
}

interface CrashApp {
  ask<K extends CrashQuestion['kind']>(
    question: Extract<CrashQuestion, { kind: K }>,
  ): Promise<Extract<CrashAnswer, { kind: K extends 'register' ? 'registered' : K }>>;
}

async function startApp(ctx: TestContext): Promise<CrashApp> {
  const child: ChildProcess = fork(fileURLToPath(new URL('./harness/crash-app.ts', import.meta.url)), {
    execArgv: ['--conditions=perdure-source', '--no-warnings'],
    execPath: process.execPath,
  });
  ctx.onTestFinished(() => void child.kill('SIGKILL'));
  return {
    ask: async (question) => {
      child.send(question);
      const [answer] = (await once(child, 'message')) as [never];
      return answer;
    },
  };
}
