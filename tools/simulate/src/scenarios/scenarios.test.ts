import { describe, expect, test } from 'vitest';

import { backlog } from './backlog.ts';
import { chaos } from './chaos.ts';
import { fairness } from './fairness.ts';
import { keys } from './keys.ts';
import { lines } from './lines.ts';
import { million } from './million.ts';
import { isMet, type Report } from './scenario.ts';
import { tenants } from './tenants.ts';
import { throttle } from './throttle.ts';

/** Simulations compute for seconds, on machines that do other things besides. */
const TIMEOUT_MS = 180_000;

/** Every goal of the scenario is met, no limit is broken, no slot idle beside work, nothing stuck. */
function expectGood({ goals, violations, idleSlots, stuck }: Report): void {
  expect(goals.filter((goal) => !isMet(goal))).toEqual([]);
  expect(violations.examples).toEqual([]);
  expect(idleSlots.examples).toEqual([]);
  expect(stuck).toEqual([]);
}

function waitOf(report: Report, group: string): number {
  return report.waits.find((wait) => wait.group === group)?.max ?? Infinity;
}

describe('simulated', { timeout: TIMEOUT_MS }, () => {
  test('each of 50 busy functions gets between 0.8 and 1.25 of its share', () => {
    const report = fairness.play({ seed: 11, isSmall: true, jobs: 5000 });

    expectGood(report);
    expect(report.fairness).toMatchObject([{ count: 50 }]);
    expect(report.fairness[0]?.least).toBeGreaterThanOrEqual(0.8);
    expect(report.fairness[0]?.most).toBeLessThanOrEqual(1.25);
  });

  test('a tenant that floods takes nothing from the others, be they accounts or keys', () => {
    const report = tenants.play({ seed: 12, isSmall: true, jobs: 4000 });

    expectGood(report);
    for (const { jain } of report.fairness) expect(jain).toBeGreaterThanOrEqual(0.95);
  });

  test('[E91] [E92] 100,000 runs hold up a single run of another function or account no longer than a job takes', () => {
    const report = backlog.play({ seed: 13, isSmall: true, jobs: 100_000 });

    expectGood(report);
    expect(waitOf(report, 'function')).toBeLessThan(30);
    expect(waitOf(report, 'account')).toBeLessThan(30);
  });

  test('200 keys of limit 1 do not slow 32 slots down, and functions share a counter alike while its limit flips', () => {
    expectGood(keys.play({ seed: 14, isSmall: true, jobs: 6000 }));
  });

  test('throttles, rate limits and singletons let through what they should, no more and no later', () => {
    const report = throttle.play({ seed: 15, isSmall: true });

    expectGood(report);
    expect(report.turnedAway['rate-limited']).toBeGreaterThan(0);
    expect(report.turnedAway['Singleton']).toBeGreaterThan(0);
  });

  test('500 lanes that wait for one bucket cost no more than one', () => {
    expectGood(lines.play({ seed: 21, isSmall: true, jobs: 600 }));
  });

  test.each([16, 17, 18])(
    'limits hold and nothing is stuck while executors die, hints are lost and limits flip (seed %d)',
    (seed) => expectGood(chaos.play({ seed, isSmall: true, jobs: 3000 })),
  );

  test('a claim takes as many commands with 50,000 queued jobs as with 500', () => {
    const report = million.play({ seed: 19, isSmall: true, jobs: 50_000, tenants: 500 });

    const isTiming = (name: string): boolean => name.startsWith('real time');
    expectGood({ ...report, goals: report.goals.filter(({ name }) => !isTiming(name)) });
  });

  test('the same seed plays the same', () => {
    const [first, second] = [1, 2].map(() => {
      const { waits, virtualMs, jobs } = chaos.play({ seed: 20, isSmall: true, jobs: 800 });
      return { waits, virtualMs, jobs };
    });

    expect(second).toEqual(first);
    expect(first?.jobs).toBeGreaterThan(100);
  });
});
