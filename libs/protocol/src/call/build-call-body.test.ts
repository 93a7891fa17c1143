import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '@perdure/domain';
import { deliveredEventsJson } from '../event/delivered-event.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import { buildCallBody, type CallBody } from './build-call-body.ts';

const EVENT = {
  internalId: '01M7XK68C90X045V23D89DFVDM',
  receivedAt: 1,
  name: 't/simple',
  ts: 1_795_215_794_569,
  data: { a: 1 },
};
const CALL: CallBody = {
  functionId: '861d4445-780f-5eb0-a67e-78b0cf9c2d67',
  runId: '01M7XK68F0ZKFAGN56BY890HZ8',
  jobId: '3aetn5tisvr3i',
  queueItemRef: 'M2FldG41dGlzdnIzaTo6ZGVmYXVsdA==',
  requestId: '01M7XK68JPV8BN9SERD0GCB539',
  attempt: 0,
  attemptsMax: 5,
  generation: 1,
  requestVersion: -1,
  forcePlan: false,
  events: deliveredEventsJson([EVENT]),
  steps: {},
  stack: [],
  stackPosition: 0,
};

test('[P35] the first call of a run is byte for byte the one of the protocol', () => {
  expect(buildCallBody(CALL)).toBe(
    '{"ctx":{"attempt":0,"disable_immediate_execution":false,"env":"","fn_id":"861d4445-780f-5eb0-a67e-78b0cf9c2d67",' +
      '"generation_id":1,"job_id":"3aetn5tisvr3i","max_attempts":5,"qi_id":"M2FldG41dGlzdnIzaTo6ZGVmYXVsdA==",' +
      '"request_id":"01M7XK68JPV8BN9SERD0GCB539","run_id":"01M7XK68F0ZKFAGN56BY890HZ8",' +
      '"stack":{"current":0,"stack":[]},"step_id":"step","use_api":false},"defers":{},' +
      '"event":{"data":{"a":1},"id":"01M7XK68C90X045V23D89DFVDM","name":"t/simple","ts":1795215794569,"user":{}},' +
      '"events":[{"data":{"a":1},"id":"01M7XK68C90X045V23D89DFVDM","name":"t/simple","ts":1795215794569,"user":{}}],' +
      '"steps":{},"use_api":false,"version":-1}',
  );
});

const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as JsonValue);
const object = fc.dictionary(fc.string(), json) as fc.Arbitrary<JsonObject>;

test('[P27] every body is its own canonical form, and holds what it was made of', () => {
  const anyCall = fc.record({
    events: fc.array(object, { minLength: 1, maxLength: 3 }),
    steps: fc.dictionary(fc.string(), json),
    jobId: fc.string(),
    attempt: fc.nat(20),
    forcePlan: fc.boolean(),
    defers: fc.dictionary(fc.string(), fc.record({ abortable: fc.boolean() })),
  });
  fc.assert(
    fc.property(anyCall, (call) => {
      const memos = Object.fromEntries(Object.entries(call.steps).map(([hash, memo]) => [hash, canonicalJson(memo)]));
      const body = buildCallBody({
        ...CALL,
        ...call,
        events: canonicalJson(call.events),
        steps: memos,
        stack: Object.keys(call.steps),
        stackPosition: Object.keys(call.steps).length,
      });

      const parsed = JSON.parse(body);
      expect(body).toBe(canonicalJson(parsed));
      expect(parsed).toMatchObject({ events: call.events, steps: { ...call.steps }, defers: { ...call.defers } });
      expect(parsed.event).toEqual(call.events[0]);
      expect(parsed.ctx.stack).toEqual({ current: parsed.ctx.stack.stack.length, stack: Object.keys(call.steps) });
    }),
  );
});

const MIB = 1024 * 1024;

test('above 4 MiB of state the memos are left to be fetched; event, events and stack are sent', () => {
  const steps = { one: `{"data":"${'x'.repeat(2 * MIB)}"}`, two: `{"data":"${'€'.repeat(MIB)}"}` };

  const body = JSON.parse(buildCallBody({ ...CALL, steps, stack: ['one', 'two'], stackPosition: 2 }));

  expect(body).toMatchObject({ use_api: true, steps: {}, ctx: { use_api: true, stack: { stack: ['one', 'two'] } } });
  expect(body.events).toHaveLength(1);
  expect(body.event.name).toBe('t/simple');
});

test('events that are too large themselves are left to be fetched but for the first', () => {
  const event = { ...EVENT, data: { s: 'x'.repeat(2 * MIB) } };

  const body = JSON.parse(buildCallBody({ ...CALL, events: deliveredEventsJson([event, event, event]) }));

  expect(body).toMatchObject({ use_api: true, events: [], event: { name: 't/simple' } });
});

test('state just below the limit is sent', () => {
  const steps = { one: `{"data":"${'x'.repeat(4 * MIB - 2048)}"}` };

  expect(JSON.parse(buildCallBody({ ...CALL, steps, stack: ['one'] }))).toMatchObject({ use_api: false });
});
