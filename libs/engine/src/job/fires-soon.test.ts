import type { StepPlan } from '@perdure/store';
import { expect, test } from 'vitest';
import { firesSoon } from './fires-soon.ts';

const NOW = 1_000_000;

const sleep = (ms: number): StepPlan => ({ kind: 'sleep', hash: 's', isRace: false, wakeAt: NOW + ms });
const wait = (ms: number): StepPlan => ({
  kind: 'wait',
  hash: 'w',
  isRace: false,
  pause: { pauseId: 'r.w', kind: 'wait', expiresAt: NOW + ms },
});
const run: StepPlan = { kind: 'run', hash: 'r', isRace: false, attemptsMax: 1 };

test.each<[string, StepPlan[], boolean]>([
  ['a short sleep', [sleep(100)], true],
  ['a short wait beside other steps', [run, wait(2_000), sleep(60_000)], true],
  ['a sleep that is over', [sleep(-10)], true],
  ['a long sleep', [sleep(60_000)], false],
  ['steps without a timer', [run], false],
  ['nothing', [], false],
])('%s has a claim learn of its timer, or needs none', (_what, plans, soon) => {
  expect(firesSoon(plans, NOW)).toBe(soon);
});
