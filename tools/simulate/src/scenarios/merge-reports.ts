import type { Report } from './scenario.ts';

/** One report of two plays: what it cost is that of the first. */
export function mergeReports(first: Report, second: Report): Report {
  const { violations, idleSlots } = first;
  return {
    ...first,
    played: `${first.played}; ${second.played}`,
    virtualMs: first.virtualMs + second.virtualMs,
    realMs: first.realMs + second.realMs,
    fairness: [...first.fairness, ...second.fairness],
    waits: [...first.waits, ...second.waits],
    goals: [...first.goals, ...second.goals],
    violations: {
      count: violations.count + second.violations.count,
      examples: [...violations.examples, ...second.violations.examples],
    },
    idleSlots: {
      looks: idleSlots.looks + second.idleSlots.looks,
      count: idleSlots.count + second.idleSlots.count,
      examples: [...idleSlots.examples, ...second.idleSlots.examples],
    },
    stuck: [...first.stuck, ...second.stuck],
  };
}
