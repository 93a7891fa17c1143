import { type Event, INTERNAL_EVENTS } from '@perdure/domain';
import type { Store } from '@perdure/store';
import { aFunction, anEvent } from '@perdure/testing';
import { expect, test } from 'vitest';
import { cancelRuns } from '../control/cancel-runs.ts';
import { handleEvent } from '../event/handle-event.ts';
import { openEmbeddedPorts } from '../test/embedded-ports.ts';

const another = { id: '33333333-3333-5333-9333-333333333333', slug: 'test-app-another' };

test('[E14] a trigger whose expression fails starts nothing and is recorded; others get the event, and it is done with', async () => {
  const { ports, cell, register } = await openEmbeddedPorts();
  const failing = aFunction({
    triggers: [{ kind: 'event', event: 'test/happened', expression: 'date(event.data.at) > date("2020-01-01")' }],
  });
  await register(failing, aFunction(another));
  const event = anEvent({ data: { at: 'garbage' } });

  const { outcomes } = await handleEvent(ports, event);

  expect(outcomes).toEqual([
    {
      eventId: event.internalId,
      functionId: failing.id,
      at: expect.any(Number),
      outcome: { kind: 'expression_error', message: expect.any(String) },
    },
  ]);
  const runsOf = async (functionId: string) =>
    (await cell.listRuns({ functionId, after: 0, runsMax: 10, withEvents: false })).runs.length;
  expect([await runsOf(failing.id), await runsOf(another.id)]).toEqual([0, 1]);
});

test('what is made for one function starts no other, whatever that listens to', async () => {
  const { ports, cell, register } = await openEmbeddedPorts();
  const target = aFunction({ triggers: [] });
  await register(target, aFunction({ ...another, triggers: [{ kind: 'event', event: 'inngest/*' }] }));

  await handleEvent(ports, anEvent({ name: INTERNAL_EVENTS.invoked, data: { _inngest: { fn_id: target.slug } } }));
  await handleEvent(ports, anEvent({ name: INTERNAL_EVENTS.cronTick, target: target.id }));
  await handleEvent(ports, anEvent({ name: INTERNAL_EVENTS.invoked, data: { _inngest: { fn_id: 'nobody' } } }));

  const { runs } = await cell.listRuns({ functionId: another.id, after: 0, runsMax: 10, withEvents: false });
  expect(runs).toEqual([]);
  expect(await cell.counts()).toMatchObject({ runs: 2 });
});

/** IDs of the runs that there are of a function, in the order of their creation. */
async function runIds(cell: Store, functionId: string = aFunction().id): Promise<string[]> {
  const { runs } = await cell.listRuns({ functionId, after: 0, runsMax: 100, withEvents: false });
  return runs.map(({ runId }) => runId);
}

test('an event that is handled again after the store lost everything has the runs that it had', async () => {
  const events = [anEvent(), anEvent(), anEvent({ id: 'mine' })];
  const handle = async () => {
    const { ports, cell, register } = await openEmbeddedPorts();
    await register(aFunction(), aFunction(another));
    for (const event of [...events, ...events]) await handleEvent(ports, event);
    return [await runIds(cell), await runIds(cell, another.id)];
  };

  const [before, after] = [await handle(), await handle()];

  expect(after).toEqual(before);
  expect(new Set(after.flat()).size).toBe(6);
  expect(after[0]).toEqual(after[0]?.toSorted());
});

test('an event handled again has no outcome; another one of the same user ID is a duplicate, of a run live or ended', async () => {
  const { ports, cell, register } = await openEmbeddedPorts();
  await register(aFunction());
  const event = anEvent({ id: 'mine' });
  await handleEvent(ports, event);
  const [runId = ''] = await runIds(cell);
  const kinds = async (of: Event) => (await handleEvent(ports, of)).outcomes.map(({ outcome }) => outcome);

  expect([await kinds(event), await kinds(anEvent({ id: 'mine' }))]).toEqual([[], [{ kind: 'duplicate', runId }]]);
  await cell.finalize({ runId, status: 'Cancelled' });
  expect([await kinds(event), await kinds(anEvent({ id: 'mine' }))]).toEqual([[], [{ kind: 'duplicate', runId }]]);

  expect(await runIds(cell)).toEqual([]);
});

test('a run of an event that was handled late is cancelled with those that were scheduled when it was', async () => {
  const { ports, cell, clock, register } = await openEmbeddedPorts();
  await register(aFunction());
  const old = anEvent();
  await clock.advanceBy(3_600_000);
  await handleEvent(ports, old);
  const now = clock.now();
  const sweep = { id: 's', envId: 'env', kind: 'cancellation', functionId: aFunction().id, state: 'open' } as const;
  const counts = { seen: 0, done: 0, failed: 0 };
  const cancel = (startedBefore: number) =>
    cancelRuns(ports, { ...sweep, ...counts, createdAt: now, spec: JSON.stringify({ startedBefore }) });

  expect(await cancel(now)).toMatchObject({ seen: 0, done: 0 });
  expect(await runIds(cell)).toHaveLength(1);
  expect(await cancel(now + 1)).toMatchObject({ seen: 1, done: 1 });
});
