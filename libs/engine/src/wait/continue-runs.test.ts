import type { Event, JsonObject } from '@perdure/domain';
import type { ClaimedJob } from '@perdure/store';
import { aFlowControl, aFunction, anEvent } from '@perdure/testing';
import { expect, test } from 'vitest';
import { handleEvent } from '../event/handle-event.ts';
import { leaseOf } from '../job/execute-job.ts';
import { planOp } from '../job/plan-op.ts';
import { openEmbeddedPorts } from '../test/embedded-ports.ts';

/** A function that is started by `test/happened`, and may wait for what the test says. */
async function startPlay(facts: Parameters<typeof aFunction>[0] = {}) {
  const { ports, cell, clock, register } = await openEmbeddedPorts();
  await register(aFunction(facts));

  const claim = async (): Promise<ClaimedJob> => {
    const { jobs } = await cell.claim({ workerId: 'w', claimId: ports.ids.token(), jobsMax: 1, leaseMs: 30_000 });
    const [job] = jobs;
    if (job === undefined) throw new Error('nothing is ready');
    return job;
  };
  return {
    clock,
    claim,
    deliver: (event: Event) => handleEvent(ports, event),
    event: (name: string, data: JsonObject = {}) => anEvent({ name, data, receivedAt: clock.now() }),
    hasReady: async () => (await cell.counts()).ready > 0,
    /** The job's answer is that these steps wait for events of this name. */
    waitFor: async (job: ClaimedJob, event: string, ...hashes: string[]) => {
      const plans = hashes.map((hash) => {
        const op = { kind: 'wait-for-event' as const, hash, displayName: hash, isRace: false, event, timeout: '1h' };
        const context = { run: job.run, triggerEvent: () => ({}), findFunction: () => undefined };
        const planned = planOp(op, { ...context, now: clock.now(), attemptsMax: 1 });
        if (planned.kind !== 'plan') throw new Error(`a wait came to ${planned.kind}`);
        return planned.plan;
      });
      await cell.advance({
        runId: job.run.runId,
        lease: leaseOf(job),
        saves: [],
        plans,
        isParallel: plans.length > 1,
        discover: false,
        requestVersion: 2,
        attemptsMax: 1,
        limits: { stepsMax: 100, stateBytesMax: 1_000_000 },
      });
    },
  };
}

test('[P65] the event that started a run does not end its wait, however often it is delivered', async () => {
  const play = await startPlay();
  const trigger = play.event('test/happened');
  await play.deliver(trigger);
  await play.waitFor(await play.claim(), 'test/happened', 'w');

  await play.deliver(trigger);

  expect(await play.hasReady()).toBe(false);
  await play.deliver(play.event('test/happened'));
  expect((await play.claim()).run).toBeDefined();
});

test('[P65] an event that ended a wait does not end the next one when it is delivered again', async () => {
  const play = await startPlay();
  await play.deliver(play.event('test/happened'));
  await play.waitFor(await play.claim(), 'test/tick', 'first');
  const tick = play.event('test/tick', { n: 1 });
  await play.deliver(tick);
  await play.waitFor(await play.claim(), 'test/tick', 'second');

  await play.deliver(tick);

  expect(await play.hasReady()).toBe(false);
  await play.deliver(play.event('test/tick', { n: 2 }));
  expect((await play.claim()).state?.stack).toEqual(['first', 'second']);
});

test('[E65] one event ends all waits of a run that it fits', async () => {
  const play = await startPlay();
  await play.deliver(play.event('test/happened'));
  await play.waitFor(await play.claim(), 'test/tick', 'a', 'b');

  await play.deliver(play.event('test/tick'));

  expect((await play.claim()).state?.stack.toSorted()).toEqual(['a', 'b']);
});

test('[P65] an event that was received long before a wait began does not end it', async () => {
  const play = await startPlay();
  const early = play.event('test/tick');
  await play.clock.advanceBy(6_000);
  await play.deliver(play.event('test/happened'));
  await play.waitFor(await play.claim(), 'test/tick', 'w');

  await play.deliver(early);

  expect(await play.hasReady()).toBe(false);
});

test('[E122] the event that started a run does not cancel it, however often it is delivered; one received later does', async () => {
  const play = await startPlay({ flow: aFlowControl({ cancelOn: [{ event: 'test/happened' }] }) });
  const trigger = play.event('test/happened');
  await play.deliver(trigger);
  const job = await play.claim();

  await play.deliver(trigger);
  expect(await play.hasReady()).toBe(false);
  await play.waitFor(job, 'test/tick', 'w');
  await play.clock.advanceBy(1);
  const other = play.event('test/happened');
  await play.deliver(other);

  // What it started itself is all there is.
  expect((await play.claim()).run.runId).not.toBe(job.run.runId);
  await play.deliver(play.event('test/tick'));
  expect(await play.hasReady()).toBe(false);
});
