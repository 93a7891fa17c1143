import { isMet, type FindingsReport, type Report } from '../scenarios/scenario.ts';
import { formatTable } from './format-table.ts';

/** A report as text, for people. */
export function printReport(report: Report): string {
  const { scenario, seed, played, virtualMs, realMs, jobs, runsEnded } = report;
  return [
    `== ${scenario} (seed ${seed})`,
    played,
    `${jobs} jobs measured, ${runsEnded} runs ended, ${seconds(virtualMs)} of virtual time in ${seconds(realMs)}`,
    '',
    ...section(fairnessTable(report)),
    ...section(waitsTable(report)),
    ...section(costsTable(report)),
    ...section(goalsTable(report)),
    findings('limit violations', report.violations),
    findings(`free slots beside waiting work, at ${report.idleSlots.looks} looks`, report.idleSlots),
    findings('stuck at the end', { count: report.stuck.length, examples: report.stuck }),
    ...turnedAway(report),
    '',
  ].join('\n');
}

function section(table: string): string[] {
  return table === '' ? [] : [table, ''];
}

function fairnessTable({ fairness }: Report): string {
  return formatTable(
    ['fairness among', 'count', "Jain's index", 'least share', 'largest share'],
    fairness.map(({ among, count, jain, least, most }) => [
      among,
      count,
      jain.toFixed(4),
      least.toFixed(2),
      most.toFixed(2),
    ]),
  );
}

function waitsTable({ waits }: Report): string {
  return formatTable(
    ['waiting, ms', 'jobs', 'p50', 'p95', 'p99', 'max'],
    waits
      .toSorted((a, b) => a.group.localeCompare(b.group))
      .map(({ group, count, p50, p95, p99, max }) => [group, count, short(p50), short(p95), short(p99), short(max)]),
  );
}

function costsTable({ costs, jobs }: Report): string {
  const { byOperation, operationsPerJob, commandsPerJob } = costs;
  const rows = Object.entries(byOperation).map(([name, { calls, commands, realMs }]) => [
    name,
    calls,
    short(calls / jobs),
    short(commands / jobs),
    short(commands / calls),
    short((1000 * realMs) / calls),
  ]);
  return formatTable(
    ['operation', 'calls', 'a job', 'commands a job', 'commands a call', 'real us a call'],
    [...rows, ['all', '', short(operationsPerJob), short(commandsPerJob), '', '']],
  );
}

function goalsTable({ goals }: Report): string {
  return formatTable(
    ['goal', 'value', 'asked', ''],
    goals.map((goal) => [
      goal.name,
      `${short(goal.value)} ${goal.unit}`.trimEnd(),
      'atMost' in goal.goal ? `<= ${short(goal.goal.atMost)}` : `>= ${short(goal.goal.atLeast)}`,
      isMet(goal) ? 'met' : 'MISSED',
    ]),
  );
}

function findings(what: string, { count, examples }: FindingsReport): string {
  return [`${what}: ${count}`, ...examples.map((example) => `  ${example}`)].join('\n');
}

function turnedAway({ turnedAway: reasons }: Report): string[] {
  const entries = Object.entries(reasons);
  return entries.length === 0 ? [] : [`turned away: ${entries.map(([why, count]) => `${count} ${why}`).join(', ')}`];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Three digits that matter, or whole numbers from a hundred on. */
function short(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
