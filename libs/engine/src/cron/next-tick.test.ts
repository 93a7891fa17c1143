import { expect, test } from 'vitest';
import { nextTickAt } from './next-tick.ts';

const DAY_MS = 86_400_000;

test('[E19] a schedule is due at 09:00 of its zone on each day of a year, whatever the clocks there do', () => {
  const inNewYork = new Intl.DateTimeFormat('en-GB', { timeZone: 'America/New_York', timeStyle: 'medium' });
  const ticks = [Date.UTC(2027, 0, 1, 14)];
  for (let day = 1; day < 365; day += 1)
    ticks.push(nextTickAt('TZ=America/New_York 0 9 * * *', ticks.at(-1) ?? 0) ?? 0);

  expect(new Set(ticks.map((tick) => inNewYork.format(tick)))).toEqual(new Set(['09:00:00']));
  const gaps = ticks.slice(1).map((tick, i) => tick - (ticks[i] ?? 0));
  expect(gaps.filter((gap) => gap !== DAY_MS)).toEqual([DAY_MS - 3_600_000, DAY_MS + 3_600_000]);
});

test('the tick of this very instant is not the next one; a day that never comes has none', () => {
  const noon = Date.UTC(2027, 0, 1, 12);

  expect(nextTickAt('0 12 * * *', noon - 1)).toBe(noon);
  expect(nextTickAt('0 12 * * *', noon)).toBe(noon + DAY_MS);
  expect(nextTickAt('0 0 31 2 *', noon)).toBe(undefined);
});
