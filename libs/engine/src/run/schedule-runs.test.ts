import { INTERNAL_EVENTS } from '@perdure/domain';
import { aFunction, anEvent } from '@perdure/testing';
import { expect, test } from 'vitest';
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
