import type { Fairness } from '../observe/fairness.ts';
import type { WaitSummary } from '../observe/waits.ts';
import type { OperationCost } from '../store/simulated-store.ts';

/** How large and which; what is not given is the scenario's own, of which there is a small one. */
export interface Sizes {
  seed: number;
  isSmall: boolean;
  jobs?: number;
  tenants?: number;
  executors?: number;
}

export interface Scenario {
  name: string;
  shows: string;
  play: (sizes: Sizes) => Report;
}

/** What must be so. */
export interface Goal {
  name: string;
  value: number;
  unit: '' | 'ms' | 'us' | 'commands';
  goal: { atMost: number } | { atLeast: number };
}

export interface Report {
  scenario: string;
  seed: number;
  /** What was played: executors, functions, tenants ... */
  played: string;
  virtualMs: number;
  realMs: number;
  jobs: number;
  runsEnded: number;
  fairness: Fairness[];
  waits: WaitSummary[];
  goals: Goal[];
  violations: FindingsReport;
  /** Slots that were free while something waited that could have used them. */
  idleSlots: FindingsReport & { looks: number };
  /** Runs that live when nothing happens any more, and what of the store is not as it must be then. */
  stuck: string[];
  turnedAway: Record<string, number>;
  costs: Costs;
}

export interface FindingsReport {
  count: number;
  examples: readonly string[];
}

export interface Costs {
  operationsPerJob: number;
  commandsPerJob: number;
  /** Claims that got nothing, per job. */
  byOperation: Record<string, OperationCost>;
}

export function isMet({ value, goal }: Goal): boolean {
  return 'atMost' in goal ? value <= goal.atMost : value >= goal.atLeast;
}

/** Whether the report is what it must be. */
export function isGood(report: Report): boolean {
  const { goals, violations, idleSlots, stuck } = report;
  return goals.every(isMet) && violations.count === 0 && idleSlots.count === 0 && stuck.length === 0;
}
