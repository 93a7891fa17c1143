import { expect, test } from 'vitest';
import { encodeUlid } from '@perdure/domain';
import { errorBody, errorBodyV2 } from './error-body.ts';
import { envelope, type RunFacts, toEventV1, toRunV1 } from './rest-v1.ts';

const AT = Date.UTC(2026, 10, 20, 23, 6, 28, 128);
const EVENT = { internalId: '01M7XK68C90X045V23D89DFVDM', receivedAt: AT, name: 't/a', data: { a: 1 }, ts: AT };
const RUN: RunFacts = {
  runId: encodeUlid(AT - 7_200_000, new Uint8Array(10)),
  functionId: 'fn',
  functionVersion: 2,
  envId: 'env',
  status: 'Running',
  eventIds: ['01M7XK68C90X045V23D89DFVDM'],
  scheduledAt: AT - 1000,
};

test('an event has the ID of its sender, else the internal one', () => {
  const shown = toEventV1({ event: EVENT, envId: 'env' });

  expect(shown).toEqual({
    internal_id: EVENT.internalId,
    account_id: '00000000-0000-4000-a000-000000000000',
    environment_id: 'env',
    source: 'api',
    source_id: null,
    received_at: '2026-11-20T23:06:28.128Z',
    id: EVENT.internalId,
    name: 't/a',
    data: { a: 1 },
    ts: AT,
  });
  expect(toEventV1({ event: { ...EVENT, id: 'mine', user: { u: 1 }, v: '1' }, envId: 'env' })).toMatchObject({
    id: 'mine',
    user: { u: 1 },
    v: '1',
  });
});

test('a run under way has no end and no output; its start is the time at which it was scheduled', () => {
  expect(toRunV1(RUN)).toEqual({
    run_id: RUN.runId,
    run_started_at: '2026-11-20T23:06:27.128Z',
    function_id: 'fn',
    function_version: 2,
    environment_id: 'env',
    event_id: EVENT.internalId,
    status: 'Running',
    ended_at: null,
  });
});

test('the output of an ended run is the bare value', () => {
  const ended = toRunV1({ ...RUN, status: 'Completed', endedAt: AT, output: '{"ok":[1]}', cron: '* * * * *' });

  expect(ended).toMatchObject({
    status: 'Completed',
    ended_at: '2026-11-20T23:06:28.128Z',
    output: { ok: [1] },
    cron: '* * * * *',
  });
  expect(toRunV1({ ...RUN, output: 'null' })).toHaveProperty('output', null);
});

test('data is wrapped with the instant it was fetched', () => {
  expect(envelope([1], AT, AT + 1000)).toEqual({
    data: [1],
    metadata: { fetched_at: '2026-11-20T23:06:28.128Z', cached_until: '2026-11-20T23:06:29.128Z' },
  });
});

test('an error has a numeric status, a text and null or structured data', () => {
  expect(errorBody({ status: 404, error: 'none' })).toEqual({ error: 'none', data: null, status: 404 });
  expect(errorBody({ status: 400, error: 'bad', code: 'c', data: { x: 1 } })).toEqual({
    code: 'c',
    error: 'bad',
    data: { x: 1 },
    status: 400,
  });
  expect(errorBodyV2({ code: 'api_error', message: 'Not Found' })).toEqual({
    errors: [{ code: 'api_error', message: 'Not Found' }],
  });
});
