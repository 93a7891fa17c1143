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
