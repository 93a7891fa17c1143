import { backlog } from './backlog.ts';
import { chaos } from './chaos.ts';
import { fairness } from './fairness.ts';
import { keys } from './keys.ts';
import { lines } from './lines.ts';
import { million } from './million.ts';
import type { Scenario } from './scenario.ts';
import { tenants } from './tenants.ts';
import { throttle } from './throttle.ts';

export const SCENARIOS: readonly Scenario[] = [fairness, tenants, backlog, keys, throttle, lines, chaos, million];
