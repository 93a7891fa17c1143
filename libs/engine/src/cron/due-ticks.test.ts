import type { EpochMs } from '@perdure/domain';
import { aFunction } from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { checkCron, parseCron } from './cron-schedule.ts';
import { dueTicks, tickEvent, type CatchUp } from './due-ticks.ts';

const at = (text: string): EpochMs => Date.parse(text);
const texts = (ticks: EpochMs[]): string[] => ticks.map((tick) => new Date(tick).toISOString());

describe('schedules', () => {
  test.each([
    ['TZ=America/New_York 0 9 * * *', '2026-07-01T00:00:00Z', '2026-07-01T13:00:00.000Z'],
    ['TZ=America/New_York 0 9 * * *', '2026-12-01T00:00:00Z', '2026-12-01T14:00:00.000Z'],
    ['CRON_TZ=Europe/Paris 30 6 * JAN MON', '2026-11-21T00:00:00Z', '2027-01-04T05:30:00.000Z'],
    ['*/15 * * * *', '2026-11-21T10:07:00Z', '2026-11-21T10:15:00.000Z'],
    ['0 0 29 2 *', '2026-11-21T00:00:00Z', '2028-02-29T00:00:00.000Z'],
  ])('%s after %s is due at %s', (cron, from, due) => {
    expect(new Date(parseCron(cron).nextAfter(at(from)) ?? 0).toISOString()).toBe(due);
  });

  test('a local time that the clock skips is not due, one that it repeats is due once', () => {
    const skipped = parseCron('TZ=Europe/Berlin 30 2 * * *');
    const day = { catchUp: 'all' as CatchUp };

    const inSpring = dueTicks(skipped, { ...day, from: at('2026-03-28T12:00:00Z'), now: at('2026-03-30T12:00:00Z') });
    const inAutumn = dueTicks(skipped, { ...day, from: at('2026-10-24T12:00:00Z'), now: at('2026-10-25T12:00:00Z') });

    expect(texts(inSpring).filter((text) => text.startsWith('2026-03-30'))).toHaveLength(1);
    expect(inAutumn).toHaveLength(1);
  });

  test.each(['* * * * * *', '@daily', 'TZ=Mars/Olympus 0 0 * * *', '61 * * * *', ''])('"%s" is refused', (text) => {
    expect(checkCron(text)).toEqual(expect.any(String));
  });
});

describe('ticks that are due', () => {
  const every = parseCron('* * * * *');
  const from = at('2026-11-21T10:00:00Z');
  const due = (now: string, catchUp: CatchUp = 'latest') => texts(dueTicks(every, { from, now: at(now), catchUp }));

  test('none before its instant, one at it', () => {
    expect(due('2026-11-21T10:00:59.999Z')).toEqual([]);
    expect(due('2026-11-21T10:01:00Z')).toEqual(['2026-11-21T10:01:00.000Z']);
  });

  test('of those that were missed the latest, all, or none', () => {
    const lateBy = (catchUp: CatchUp) =>
      dueTicks(parseCron('0 * * * *'), { from, now: at('2026-11-21T13:30:00Z'), catchUp });

    expect(texts(lateBy('latest'))).toEqual(['2026-11-21T13:00:00.000Z']);
    expect(lateBy('all')).toHaveLength(3);
    expect(lateBy('none')).toEqual([]);
  });

  test('a year of missed minutes ends with the latest', () => {
    expect(due('2027-11-21T10:00:30Z')).toEqual(['2027-11-21T10:00:00.000Z']);
  });
});

describe('the event of a tick', () => {
  const tick = at('2026-11-21T10:01:00Z');

  test('names its instants and is the same whoever makes it', () => {
    const event = tickEvent(aFunction(), { cron: '* * * * *' }, tick);

    expect(event).toMatchObject({
      name: 'inngest/scheduled.timer',
      id: '2026-11-21T10:01:00Z',
      ts: tick,
      data: { cron: '* * * * *', scheduledAt: '2026-11-21T10:01:00Z', fireAt: '2026-11-21T10:01:00Z' },
    });
    expect(tickEvent(aFunction(), { cron: '* * * * *' }, tick)).toEqual(event);
  });

  test('[E21] jitter puts it off by one second up to its length, always the same for one tick', () => {
    const trigger = { cron: '* * * * *', jitterMs: 10_000 };
    const delays = Array.from({ length: 200 }, (_, n) => {
      const instant = tick + n * 60_000;
      return tickEvent(aFunction(), trigger, instant).ts - instant;
    });

    expect(Math.min(...delays)).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...delays)).toBeLessThanOrEqual(10_000);
    expect(new Set(delays).size).toBeGreaterThan(100);
    expect(tickEvent(aFunction(), trigger, tick)).toEqual(tickEvent(aFunction(), trigger, tick));
  });
});
