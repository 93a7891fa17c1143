import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Event, JsonObject, JsonValue } from '@perdure/domain';
import { canonicalJson } from '../json/canonical-json.ts';
import { deliveredEventsJson, toDeliveredEvent } from './delivered-event.ts';
import { parseStoredEvent, toStoredEvent } from './stored-event.ts';

const EVENT: Event = {
  internalId: '01M7XK68C90X045V23D89DFVDM',
  receivedAt: 1_795_215_794_569,
  name: 't/simple',
  data: { b: 1, a: 2 },
  ts: 1_795_215_794_000,
};

test('[P3] user defaults to {}, and the ID is the internal one unless the sender gave one', () => {
  expect(toDeliveredEvent(EVENT)).toEqual({
    name: 't/simple',
    data: { b: 1, a: 2 },
    id: EVENT.internalId,
    ts: EVENT.ts,
    user: {},
  });
  expect(toDeliveredEvent({ ...EVENT, id: 'mine', user: { u: 1 }, v: '1', meta: { m: 1 } })).toMatchObject({
    id: 'mine',
    user: { u: 1 },
    v: '1',
    meta: { m: 1 },
  });
});

test('the events of a run are one canonical array', () => {
  const text = deliveredEventsJson([EVENT, { ...EVENT, id: 'mine' }]);

  expect(text).toBe(canonicalJson(JSON.parse(text)));
  expect(JSON.parse(text)).toEqual([toDeliveredEvent(EVENT), toDeliveredEvent({ ...EVENT, id: 'mine' })]);
});

const object = fc
  .dictionary(fc.string(), fc.jsonValue())
  .map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);
const anyEvent: fc.Arbitrary<Event> = fc
  .record({ id: fc.string({ minLength: 1 }), user: object, v: fc.string(), meta: object }, { requiredKeys: [] })
  .chain((optional) => object.map((data) => ({ ...EVENT, ...optional, data })));

test('an event comes back from the stream as it went in', () => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      expect(parseStoredEvent(toStoredEvent(event))).toEqual(event);
    }),
  );
});

test.each<[JsonValue]>([[{}], [null], [{ internalId: 'x', name: 'a', data: {} }]])(
  'what is no stored event is refused: %j',
  (value) => {
    expect(() => parseStoredEvent(JSON.stringify(value))).toThrow(/stored event/);
  },
);

test('the trace of an event travels through the stream and is not shown to functions', () => {
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  const stored = parseStoredEvent(toStoredEvent(EVENT, trace));

  expect(stored).toEqual({ ...EVENT, trace });
  expect(toDeliveredEvent(stored)).toEqual(toDeliveredEvent(EVENT));
});
