import type { Command, RoleName } from './config.ts';
import type { Problem } from './problem.ts';

/** In the order in which they are best named. */
export const ROLE_NAMES: readonly RoleName[] = ['event-api', 'runner', 'executor', 'api'];

/** The roles of a process, each once: `serve` names them, the others have all. */
export function readRoles(command: Command, named: readonly string[]): { roles: RoleName[]; problems: Problem[] } {
  if (command !== 'serve') return { roles: [...ROLE_NAMES], problems: [] };
  const strangers = [...new Set(named)].filter((name) => !isRoleName(name)).map((name) => JSON.stringify(name));
  const faults = named.length === 0 ? ['name at least one role'] : strangers.map((name) => `${name} is no role`);
  return {
    roles: ROLE_NAMES.filter((name) => named.includes(name)),
    problems: faults.map((fault) => ({
      source: 'defaults',
      path: 'roles',
      message: `${fault}: the roles are ${ROLE_NAMES.join(', ')}`,
    })),
  };
}

function isRoleName(name: string): name is RoleName {
  return (ROLE_NAMES as readonly string[]).includes(name);
}
