import { expect, test } from 'vitest';
import { isUlid, type JsonObject, ulidTimeMs } from '@perdure/domain';
import { canonicalJson } from '../json/canonical-json.ts';
import { type EndedRun, runEndedEvents } from './run-ended-events.ts';

const AT = 1_795_216_273_329;
const TRIGGER: JsonObject = { data: { a: 1 }, id: '01M7XK68C90X045V23D89DFVDM', name: 't/a', ts: 1, user: {} };

function invoked(correlationId: string): JsonObject {
  return { ...TRIGGER, name: 'inngest/function.invoked', data: { _inngest: { correlation_id: correlationId } } };
}

function run(more: Partial<EndedRun>, events: JsonObject[] = [TRIGGER]): EndedRun {
  return {
    runId: '01M7XK68F0ZKFAGN56BY890HZ8',
    slug: 'probe-simple',
    status: 'Completed',
    endedAt: AT,
    events: canonicalJson(events),
    ...more,
  };
}

test('[P82] a completed run tells its result', () => {
  const events = runEndedEvents(run({ output: '{"ok":1}' }));

  const { user: _, ...withoutUser } = TRIGGER;
  expect(events).toEqual([
    {
      internalId: expect.any(String),
      receivedAt: AT,
      name: 'inngest/function.finished',
      ts: AT,
      data: {
        function_id: 'probe-simple',
        run_id: '01M7XK68F0ZKFAGN56BY890HZ8',
        event: TRIGGER,
        events: [withoutUser],
        result: { ok: 1 },
        _inngest: { status: 'Completed' },
      },
    },
  ]);
});

test('a failed run is told twice: finished, and failed under the ID of the run', () => {
  const error = { name: 'TypeError', message: 'boom', stack: 's', cause: { name: 'C' }, __serialized: true };

  const [finished, failed] = runEndedEvents(run({ status: 'Failed', output: canonicalJson(error) }));

  const told = { error: 'TypeError', name: 'TypeError', message: 'boom', stack: 's', cause: { name: 'C' } };
  expect(finished).toMatchObject({
    name: 'inngest/function.finished',
    data: { result: error, error: told, _inngest: { status: 'Failed' } },
  });
  expect(finished).not.toHaveProperty('id');
  expect(failed).toMatchObject({
    name: 'inngest/function.failed',
    id: '01M7XK68F0ZKFAGN56BY890HZ8',
    data: { function_id: 'probe-simple', event: TRIGGER, error: told, _inngest: { status: 'Failed' } },
  });
});

test.each([
  ['{"error":{"error":"InngestErrX: too much","name":"InngestErrX","message":"too much"}}', 'InngestErrX', 'too much'],
  ['"just text"', 'Error', 'just text'],
  ['{"name":"Mine","message":"m","error":{"name":"Inner","message":"i"}}', 'Mine', 'm'],
  [undefined, 'Error', 'null'],
])('the error of a failed run with output %s has name and message', (output, name, message) => {
  const [finished] = runEndedEvents(run({ status: 'Failed', ...(output !== undefined && { output }) }));

  expect(finished?.data['error']).toMatchObject({ name, message, error: expect.any(String) });
});

test('[P84] a cancelled run tells neither result nor error', () => {
  const events = runEndedEvents(run({ status: 'Cancelled' }));

  expect(events.map((event) => [event.name, event.id])).toEqual([
    ['inngest/function.finished', undefined],
    ['inngest/function.cancelled', '01M7XK68F0ZKFAGN56BY890HZ8'],
  ]);
  for (const event of events) {
    expect(Object.keys(event.data).toSorted()).toEqual(['_inngest', 'event', 'events', 'function_id', 'run_id']);
  }
});

test('the invoke that waits is named, in a batch each one', () => {
  const events = runEndedEvents(run({ output: '1' }, [TRIGGER, invoked('run.a'), TRIGGER, invoked('run.b')]));

  expect(events.map((event) => event.data['correlation_id'])).toEqual([undefined, 'run.a', 'run.b']);
  expect(runEndedEvents(run({}, [invoked('run.c')])).map((event) => event.data['correlation_id'])).toEqual(['run.c']);
});

test('each invoke whose event was dropped for a later one is told, under an ID of its own', () => {
  const ended = run({ output: '1', callers: ['run.a', 'run.b'] }, [invoked('run.c')]);

  const events = runEndedEvents(ended);

  expect(events.map((event) => event.data['correlation_id'])).toEqual(['run.c', 'run.a', 'run.b']);
  for (const event of events) expect(event.data).toMatchObject({ result: 1, event: invoked('run.c') });
  expect(new Set(events.map((event) => event.internalId)).size).toBe(3);
  expect(runEndedEvents(ended)).toEqual(events);
});

test('telling an end again gives the same events; each has an ID of its own, of the time of the end', () => {
  const ended = run({ status: 'Failed', output: '{}' }, [TRIGGER, invoked('run.a')]);

  const ids = runEndedEvents(ended).map((event) => event.internalId);

  expect(runEndedEvents(ended)).toEqual(runEndedEvents({ ...ended }));
  expect(new Set(ids).size).toBe(3);
  for (const id of ids) expect([isUlid(id), ulidTimeMs(id)]).toEqual([true, AT]);
});

test('meta of the trigger is carried over', () => {
  const [finished] = runEndedEvents(run({}, [{ ...TRIGGER, meta: { sessions: { chat: 'c' } } }]));

  expect(finished?.meta).toEqual({ sessions: { chat: 'c' } });
});
