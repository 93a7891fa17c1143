/**
 * A process to be killed: schedules runs in the folder named by its argument, 20 at once, claims and advances them, and
 * prints the ID of each run once the store has answered.
 */
import { writeSync } from 'node:fs';
import { encodeUlid } from '@perdure/domain';
import { openEmbeddedStore } from '../embedded-store.ts';

const WRITERS = 20;
const STDOUT = 1;
const LIMITS = { stepsMax: 1000, stateBytesMax: 1_000_000 };

const clock = { now: () => Date.now(), schedule: () => () => undefined };
const store = await openEmbeddedStore({ path: process.argv[2] ?? '', clock });

async function write(): Promise<void> {
  const runId = encodeUlid(Date.now(), crypto.getRandomValues(new Uint8Array(10)));
  await store.schedule({
    runId,
    functionId: 'fn-1',
    accountId: 'account-1',
    envId: 'env-1',
    appId: 'app-1',
    functionVersion: 1,
    dedupKey: runId,
    notBefore: 0,
    priority: 0,
    keys: {},
    attemptsMax: 4,
    events: '[]',
    meta: '{}',
    publishesEnd: true,
  });
  writeSync(STDOUT, `${runId}\n`);
  const { jobs } = await store.claim({ workerId: 'w', claimId: crypto.randomUUID(), jobsMax: 2, leaseMs: 30_000 });
  for (const job of jobs) {
    await store.advance({
      runId: job.run.runId,
      lease: job,
      saves: [{ hash: 'a', memo: '1', isRace: false }],
      plans: [],
      isParallel: false,
      discover: false,
      attemptsMax: 4,
      limits: LIMITS,
      chain: { token: crypto.randomUUID(), leaseMs: 30_000, knownStack: 1 },
    });
  }
}

async function writeForever(): Promise<void> {
  for (;;) await write();
}

await Promise.all(Array.from({ length: WRITERS }, writeForever));
