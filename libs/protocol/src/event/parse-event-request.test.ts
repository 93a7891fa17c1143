import { describe, expect, test } from 'vitest';
import { type Event, EVENT_BYTES_MAX } from '@perdure/domain';
import { type EventRequestOptions, parseEventRequest } from './parse-event-request.ts';

const NOW = 1_795_215_794_569;
const idOf = (index: number): string => `01M7XK68C90X045V23D89DF${String(index).padStart(3, '0')}`;
const options: EventRequestOptions = { now: NOW, eventId: idOf, eventBytesMax: EVENT_BYTES_MAX };

function parse(body: unknown, more: Partial<EventRequestOptions> = {}): ReturnType<typeof parseEventRequest> {
  return parseEventRequest(typeof body === 'string' ? body : JSON.stringify(body), { ...options, ...more });
}

function accepted(body: unknown): Event[] {
  const result = parse(body);
  if (result.kind !== 'accepted') throw new Error(`rejected: ${result.message}`);
  return result.events;
}

describe('events that are accepted', () => {
  test('an object is one event, an array many in order, each with its ID', () => {
    const one = accepted({ name: 'a' });
    const many = accepted([{ name: 'a' }, { name: 'b' }]);

    expect(one).toEqual([{ internalId: idOf(0), receivedAt: NOW, name: 'a', data: {}, ts: NOW }]);
    expect(many.map((event) => [event.internalId, event.name])).toEqual([
      [idOf(0), 'a'],
      [idOf(1), 'b'],
    ]);
  });

  test('all fields are kept, unknown ones dropped', () => {
    const sent = {
      name: 'a',
      id: 'mine',
      data: { x: [1] },
      ts: 1_000_000_000_000,
      user: { u: 1 },
      v: '2',
      meta: { sessions: { chat: 'c1', n: 7, cut: null }, other: true },
      unknown: 1,
    };

    const [event] = accepted(sent);

    const { unknown: _, ...known } = sent;
    expect(event).toEqual({ internalId: idOf(0), receivedAt: NOW, ...known });
  });

  test('null is absent, and a timestamp of 0 is now', () => {
    const [event] = accepted({ name: 'a', id: null, data: null, ts: null, user: null, v: null, meta: null });
    const [zero] = accepted({ name: 'a', ts: 0, id: '' });

    expect(event).toEqual({ internalId: idOf(0), receivedAt: NOW, name: 'a', data: {}, ts: NOW });
    expect(zero).toEqual(event);
  });

  test('[P4][H16] data._inngest is removed', () => {
    expect(accepted({ name: 'a', data: { _inngest: { fn_id: 'x' }, y: 1 } })[0]?.data).toEqual({ y: 1 });
  });

  test.each([['text/plain'], ['application/x-www-form-urlencoded'], [undefined]])(
    '[H13] JSON is read whatever the content type: %s',
    (contentType) => {
      const result = parse('\n {"name":"a"}', contentType === undefined ? {} : { contentType });

      expect(result).toMatchObject({ kind: 'accepted', events: [{ name: 'a' }] });
    },
  );

  test.each(['', '  \n', '[]', ' [ ] '])('the body %j holds no events', (body) => {
    expect(parse(body)).toEqual({ kind: 'accepted', events: [] });
  });

  test('a buffer is read as UTF-8', () => {
    expect(parseEventRequest(Buffer.from('{"name":"\u20ac"}'), options)).toMatchObject({
      events: [{ name: '\u20ac' }],
    });
  });

  test('a name of 512 bytes is accepted', () => {
    expect(accepted({ name: 'n'.repeat(512) })).toHaveLength(1);
  });

  test('timestamps from 1980 to the end of 2099 are accepted', () => {
    const events = accepted([
      { name: 'a', ts: Date.UTC(1980, 0, 1) },
      { name: 'a', ts: Date.UTC(2100, 0, 1) - 1 },
    ]);

    expect(events).toHaveLength(2);
  });
});

const NOT_EVENTS = 'Request body must contain an event object or an array of event objects';

describe('events that are rejected', () => {
  test.each<[unknown, string, string | undefined]>([
    [{ data: {} }, 'event name is empty', 'name'],
    [{ name: '' }, 'event name is empty', 'name'],
    [{ name: null }, 'event name is empty', 'name'],
    [{ name: 'inngest/x' }, 'event name is reserved for internal use: inngest/x', 'name'],
    [{ name: 'INNGEST/x' }, 'event name is reserved for internal use: INNGEST/x', 'name'],
    [{ name: 'a', ts: 315_532_799_999 }, 'timestamp is before Jan 1, 1980', 'ts'],
    [{ name: 'a', ts: -1 }, 'timestamp is before Jan 1, 1980', 'ts'],
    [{ name: 'a', ts: Date.UTC(2100, 0, 1) }, 'timestamp is after Jan 1, 2100', 'ts'],
    ['3', NOT_EVENTS, undefined],
    ['null', NOT_EVENTS, undefined],
    ['"{}"', NOT_EVENTS, undefined],
    ['garbage', NOT_EVENTS, undefined],
    [[3], NOT_EVENTS, '[0]'],
    [[[]], NOT_EVENTS, '[0]'],
  ])('[H10] %j: %s', (body, message, field) => {
    expect(parse(body)).toEqual({ kind: 'rejected', events: [], status: 400, message, ...(field && { field }) });
  });

  test.each<[unknown, string]>([
    [{ name: 7 }, 'name'],
    [{ name: ['a'] }, 'name'],
    [{ name: 'n'.repeat(513) }, 'name'],
    [{ name: '\u20ac'.repeat(171) }, 'name'],
    [{ name: 'a', data: [] }, 'data'],
    [{ name: 'a', data: 'x' }, 'data'],
    [{ name: 'a', id: 5 }, 'id'],
    [{ name: 'a', ts: 1_795_215_794_569.5 }, 'ts'],
    [{ name: 'a', ts: '2026-01-01T00:00:00Z' }, 'ts'],
    [{ name: 'a', user: 'me' }, 'user'],
    [{ name: 'a', v: 1 }, 'v'],
    [{ name: 'a', meta: [] }, 'meta'],
    [{ name: 'a', meta: { big: 'x'.repeat(32 * 1024) } }, 'meta'],
    [{ name: 'a', meta: { sessions: [] } }, 'meta.sessions'],
    [{ name: 'a', meta: { sessions: { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6 } } }, 'meta.sessions'],
    [{ name: 'a', meta: { sessions: { chat: true } } }, 'meta.sessions.chat'],
    [{ name: 'a', meta: { sessions: { chat: 'x'.repeat(513) } } }, 'meta.sessions.chat'],
    [{ name: 'a', meta: { propagated_sessions: { chat: {} } } }, 'meta.propagated_sessions.chat'],
  ])('%j names the field %s', (body, field) => {
    expect(parse(body)).toMatchObject({ kind: 'rejected', status: 400, field });
    expect(parse([{ name: 'ok' }, body])).toMatchObject({ field: `[1].${field}`, events: [{ name: 'ok' }] });
  });

  test('events before the bad one are kept, later ones dropped', () => {
    const result = parse([{ name: 'a' }, { name: 'b' }, {}, { name: 'c' }]);

    expect(result.kind).toBe('rejected');
    expect(result.events.map((event) => event.name)).toEqual(['a', 'b']);
  });

  test('text that begins like JSON and is none says where it breaks', () => {
    expect(parse('{"name":')).toMatchObject({ kind: 'rejected', message: expect.stringContaining(NOT_EVENTS) });
  });

  test.each(['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    '[H12] a form body (%s) is rejected',
    (contentType) => {
      expect(parse('name=a&data=b', { contentType })).toMatchObject({ kind: 'rejected', status: 400 });
    },
  );

  test('[E16] 5000 events are accepted, 5001 rejected and none of them kept', () => {
    const result = parse(Array.from({ length: 5001 }, () => ({ name: 'a' })));

    expect(accepted(Array.from({ length: 5000 }, () => ({ name: 'a' })))).toHaveLength(5000);
    expect(result).toEqual({
      kind: 'rejected',
      events: [],
      status: 400,
      message: 'Cannot have more than 5000 events in a batch',
    });
  });

  test('an event above the size limit is rejected with both sizes, one at the limit is not', () => {
    const event = { name: 'a', data: { s: 'x' } };
    const bytes = Buffer.byteLength(JSON.stringify(event));

    expect(parse([event, event], { eventBytesMax: bytes })).toMatchObject({ kind: 'accepted' });
    expect(parse([event], { eventBytesMax: bytes - 1 })).toMatchObject({
      kind: 'rejected',
      field: '[0]',
      message: `Event is over the max size: Max ${bytes - 1} bytes / Size ${bytes} bytes`,
    });
  });

  test('[P8][H11] the limits are 5000 events and 3 MiB an event', () => {
    const large = { name: 'a', data: { s: 'x'.repeat(3 * 1024 * 1024 - 30) } };

    expect(parse([large, large])).toMatchObject({ kind: 'accepted' });
    expect(parse([{ ...large, v: 'just more than that' }])).toMatchObject({ kind: 'rejected', status: 400 });
    expect(parse(Array.from({ length: 5001 }, () => ({ name: 'a' })))).toMatchObject({ kind: 'rejected', status: 400 });
  });

  test('nesting that would overflow the stack is rejected', () => {
    expect(parse(`{"name":"a","data":{"x":${'['.repeat(1e5)}${']'.repeat(1e5)}}}`)).toMatchObject({ kind: 'rejected' });
  });
});
