import { type Check, isHealthy } from './check.ts';

/** Lines of a table for people, the last one the outcome. */
export function printedForPeople(checks: readonly Check[]): string[] {
  const statusWidth = Math.max(...checks.map(({ status }) => status.length));
  const nameWidth = Math.max(...checks.map(({ name }) => name.length));
  const rows = checks.map(
    ({ name, status, message }) => `${status.padEnd(statusWidth)}  ${name.padEnd(nameWidth)}  ${message}`,
  );
  return [...rows, '', outcomeOf(checks)];
}

export function printedForPrograms(checks: readonly Check[]): string {
  return JSON.stringify({ ok: isHealthy(checks), checks }, undefined, 2);
}

function outcomeOf(checks: readonly Check[]): string {
  const problems = checks.filter(({ status }) => status === 'problem').length;
  if (problems === 0) return 'No problem was found.';
  return problems === 1 ? 'There is a problem.' : `There are ${problems} problems.`;
}
