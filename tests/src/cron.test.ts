import { completes, type ScriptedFunction } from '@perdure/testing';
import { expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';

const MINUTE_MS = 60_000;
/** From here to the next tick there is time enough to register. */
const REGISTER_MS = 3_000;

const system = useServer();

/** All that is to be seen at a tick, so that one is waited for. */
test(
  '[E18][P85] at the full minute: one run within half a second, with the event of the tick; jitter puts it off',
  { timeout: 100_000 },
  async (ctx) => {
    const fn = (id: string, ...triggers: object[]): ScriptedFunction => ({
      id,
      triggers: triggers as NonNullable<ScriptedFunction['triggers']>,
      script: completes(),
    });
    // Not a moment before a tick: that one may or may not be seen.
    await until('time to register', () => MINUTE_MS - (Date.now() % MINUTE_MS) > REGISTER_MS || undefined);
    const app = await system.scriptedApp(
      ctx,
      'ticks',
      fn('plain', { cron: '* * * * *' }),
      fn('zoned', { cron: 'TZ=Asia/Kathmandu * * * * *' }),
      fn('twice', { cron: '* * * * *' }, { cron: '*/1 * * * *' }),
      fn('jitter', { cron: '* * * * *', jitter: '4s' }),
      fn('seldom', { cron: '0 0 29 2 *' }),
      fn('listens', { event: 'inngest/scheduled.timer' }),
    );
    const tick = Math.ceil(Date.now() / MINUTE_MS) * MINUTE_MS;
    const scheduledAt = new Date(tick).toISOString().replace('.000Z', 'Z');
    const at = (slug: string): number => performance.timeOrigin + (app.calls(slug)[0]?.arrivedMs ?? 0);

    await app.waitForCalls(1, { slug: 'ticks-plain', waitMs: MINUTE_MS + 10_000 });
    await app.waitForCalls(1, { slug: 'ticks-jitter', waitMs: 10_000 });
    await system.observer.fence();

    expect(app.calls('ticks-plain')[0]?.event).toEqual({
      name: 'inngest/scheduled.timer',
      id: scheduledAt,
      ts: tick,
      user: {},
      data: { cron: '* * * * *', scheduledAt, fireAt: scheduledAt },
    });
    for (const slug of ['ticks-plain', 'ticks-zoned', 'ticks-twice']) {
      expect(app.calls(slug), slug).toHaveLength(1);
      expectWithin(at(slug) - tick, [0, 500], slug);
    }
    expect(app.calls('ticks-zoned')[0]?.event.data).toMatchObject({ cron: 'TZ=Asia/Kathmandu * * * * *', scheduledAt });
    const [late] = app.calls('ticks-jitter');
    expect(app.calls('ticks-jitter')).toHaveLength(1);
    expect(late?.event.data).toMatchObject({ scheduledAt, fireAt: new Date(late?.event.ts ?? 0).toISOString() });
    expectWithin((late?.event.ts ?? 0) - tick, [1_000, 4_000]);
    expectWithin(at('ticks-jitter') - (late?.event.ts ?? 0), [0, 500]);
    expect(app.calls('ticks-seldom')).toEqual([]);
    // A tick is made for its function.
    expect(app.calls('ticks-listens')).toEqual([]);
  },
);

/** Weekday, day and time of an instant as clocks in New York show it. */
const inNewYork = (at: string): string =>
  new Intl.DateTimeFormat('en-GB', { timeZone: 'America/New_York', dateStyle: 'short', timeStyle: 'medium' }).format(
    Date.parse(at),
  );

interface Listed {
  id: string;
  triggers: { type: string; value: string; nextRunAt?: string }[];
}

test('[E19] the API tells when a schedule is due next: at 09:00 of its zone, in winter and in summer', async (ctx) => {
  const zoned = (schedule: string): { cron: string } => ({ cron: `TZ=America/New_York ${schedule}` });
  const triggers = [zoned('0 9 * * *'), zoned('0 9 15 1 *'), zoned('0 9 15 7 *')];
  await system.scriptedApp(
    ctx,
    'schedules',
    { id: 'daily', triggers, script: completes() },
    { id: 'by-event', script: completes() },
  );
  const before = Date.now();

  const { status, body } = await system.api.request('GET', '/v2/apps/schedules/functions');

  expect(status).toBe(200);
  const listed = body['data'] as unknown as Listed[];
  expect(listed.map(({ id }) => id)).toEqual(['by-event', 'daily']);
  expect(listed[0]?.triggers).toEqual([{ type: 'EVENT', value: 'test/by-event' }]);
  const nextRuns = listed[1]?.triggers.map(({ nextRunAt = '' }) => nextRunAt) ?? [];
  expect(nextRuns.map((at) => inNewYork(at).slice(-'09:00:00'.length))).toEqual(['09:00:00', '09:00:00', '09:00:00']);
  expect(nextRuns.map((at) => inNewYork(at).slice(0, '15/01'.length))).toEqual([expect.any(String), '15/01', '15/07']);
  // Five hours behind in winter, four in summer.
  expect(nextRuns.slice(1).map((at) => at.slice('2027-01-15T'.length))).toEqual(['14:00:00.000Z', '13:00:00.000Z']);
  const [daily = 0] = nextRuns.map((at) => Date.parse(at));
  expectWithin(daily - before, [0, 25 * 3_600_000]);
  const one = await system.api.request('GET', '/api/v2/apps/schedules/functions/daily');
  expect(one.body['data']).toEqual(listed[1]);
});

test('what there is not is not found: an app, a function of it', async (ctx) => {
  await system.scriptedApp(ctx, 'few', { id: 'one', script: completes() }, { id: 'two', script: completes() });
  const get = async (path: string) => {
    const { status, body } = await system.api.request('GET', `/v2/apps/${path}`);
    return { status, body };
  };

  expect(await get('nobody/functions')).toMatchObject({ status: 404, body: { errors: [{ code: 'not_found' }] } });
  expect(await get('few/functions/three')).toMatchObject({ status: 404, body: { errors: [{ code: 'not_found' }] } });
  expect(await get('few/functions?limit=101')).toMatchObject({
    status: 400,
    body: { errors: [{ code: 'invalid_field_format', message: 'Limit cannot exceed 100' }] },
  });
  const first = await get('few/functions?limit=1');
  const { cursor } = first.body['page'] as { cursor: string };
  const second = await get(`few/functions?limit=1&cursor=${cursor}`);
  expect([first, second].map(({ body }) => (body['data'] as { id: string }[]).map(({ id }) => id))).toEqual([
    ['one'],
    ['two'],
  ]);
  expect(second.body['page']).toEqual({ limit: 1 });
});
