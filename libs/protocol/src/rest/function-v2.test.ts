import type { FunctionDefinition } from '@perdure/domain';
import { expect, test } from 'vitest';
import { cursorOf, parsePage, toFunctionV2 } from './function-v2.ts';
import { toWaitingV1 } from './waiting-v1.ts';

const FN: FunctionDefinition = {
  id: 'uuid',
  slug: 'shop-pay',
  name: 'Pay',
  accountId: 'account',
  envId: 'env',
  appId: 'app-uuid',
  appName: 'shop',
  version: 3,
  triggers: [
    { kind: 'event', event: 'a/b', expression: 'event.data.x' },
    { kind: 'event', event: 'a/c' },
    { kind: 'cron', cron: '* * * * *', jitterMs: 5_000 },
    { kind: 'cron', cron: '0 0 31 2 *' },
  ],
  url: 'http://x',
  retries: 4,
  flow: { concurrency: [], timeouts: {}, cancelOn: [] },
};

test('a function is listed by its own ID, with what triggers it and when', () => {
  const nextRunAt = (cron: string) => (cron.startsWith('*') ? Date.UTC(2027, 0, 1) : undefined);

  expect(toFunctionV2(FN, { isPaused: true, nextRunAt })).toEqual({
    id: 'pay',
    name: 'Pay',
    slug: 'shop-pay',
    isPaused: true,
    app: { id: 'shop' },
    triggers: [
      { type: 'EVENT', value: 'a/b', if: 'event.data.x' },
      { type: 'EVENT', value: 'a/c' },
      { type: 'CRON', value: '* * * * *', nextRunAt: '2027-01-01T00:00:00.000Z' },
      { type: 'CRON', value: '0 0 31 2 *' },
    ],
  });
  expect(toFunctionV2({ ...FN, triggers: [] }, { isPaused: false, nextRunAt })).not.toHaveProperty('isPaused');
});

const LIMITS = { limitDefault: 50, limitMax: 100 };

test('a page is as long as asked for, and begins behind its cursor', () => {
  expect(parsePage({}, LIMITS)).toEqual({ ok: true, limit: 50 });
  expect(parsePage({ limit: '0', cursor: '' }, LIMITS)).toEqual({ ok: true, limit: 50 });
  expect(parsePage({ limit: '100', cursor: cursorOf('shop-ü') }, LIMITS)).toEqual({
    ok: true,
    limit: 100,
    after: 'shop-ü',
  });
});

test.each([
  [{ limit: '-1' }, 'Limit must be at least 1'],
  [{ limit: '101' }, 'Limit cannot exceed 100'],
  [{ limit: 'many' }, 'Limit must be a whole number'],
  [{ cursor: '%%%' }, 'Cursor is invalid'],
])('%j is no page', (query, message) => {
  expect(parsePage(query, LIMITS)).toEqual({ ok: false, code: 'invalid_field_format', message });
});

test('what a run waits for: instants as all APIs show them, a key without a value as null', () => {
  const job = { jobId: 'j', kind: 'start', target: 'step', attempt: 0 };
  const key = { scope: 'fn', expression: 'event.data.k' };
  const capacity = { limit: 1, held: 2, holders: ['r1', 'r2'] };

  expect(toWaitingV1({ job, constraint: 'keyed-concurrency', text: 't', key, capacity, ahead: 3 })).toEqual({
    attempt: 0,
    constraint: 'keyed-concurrency',
    message: 't',
    key: { ...key, value: null },
    limit: 1,
    held: 2,
    holders: ['r1', 'r2'],
    ahead: 3,
  });
  expect(
    toWaitingV1({
      job: { ...job, target: 'h1' },
      constraint: 'sleep',
      text: 't',
      until: Date.UTC(2027, 0, 1),
      ahead: 0,
    }),
  ).toEqual({ step: 'h1', attempt: 0, constraint: 'sleep', message: 't', until: '2027-01-01T00:00:00.000Z', ahead: 0 });
});
