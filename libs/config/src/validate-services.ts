import type { RoleName } from './config.ts';
import type { OptionName } from './options.ts';
import type { Problem } from './problem.ts';
import { problemOf, type ReadOptions } from './read-sources.ts';
import { ROLE_NAMES } from './roles.ts';

/** Where roles in several processes meet, and what cannot be shared in its place. */
const MEETING_PLACES = {
  'nats-uri': 'the embedded event stream',
  'redis-uri': 'the embedded store',
  'postgres-uri': 'the embedded database',
} as const satisfies { [N in OptionName]?: string };

/** What is missing for roles to work in several processes (by default all are in this one), and for single options. */
export function serviceProblems(read: ReadOptions, roles: readonly RoleName[] = ROLE_NAMES): Problem[] {
  return [...missingServices(read, roles), ...cellProblems(read), ...poolProblems(read)];
}

/** Roles that are left out must run in another process, and an embedded driver serves one process only. */
function missingServices(read: ReadOptions, roles: readonly RoleName[]): Problem[] {
  const others = ROLE_NAMES.filter((name) => !roles.includes(name));
  if (others.length === 0) return [];
  const elsewhere = `${listed(others)} ${others.length === 1 ? 'runs' : 'run'} in another process`;
  const services = Object.entries(MEETING_PLACES) as [keyof typeof MEETING_PLACES, string][];
  return services
    .filter(([name]) => read.values[name] === undefined && !read.isBad(name))
    .map(([name, embedded]) =>
      problemOf(read, name, `${name} is required: ${elsewhere}, and ${embedded} cannot be shared`),
    );
}

function listed(names: readonly string[]): string {
  return [names.slice(0, -1).join(', '), ...names.slice(-1)].filter((part) => part !== '').join(' and ');
}

function cellProblems(read: ReadOptions): Problem[] {
  const { cells } = read.values;
  if (cells === undefined || cells === 1 || read.values['redis-uri'] !== undefined || read.isBad('redis-uri'))
    return [];
  return [problemOf(read, 'cells', `cells (${cells}) needs redis-uri: the embedded store is a single cell`)];
}

/** In the words of http-api.md 4.4. */
function poolProblems(read: ReadOptions): Problem[] {
  const open = read.values['postgres-max-open-conns'];
  const idle = read.values['postgres-max-idle-conns'];
  if (open === undefined) return [];
  const problem = (message: string): Problem[] => [problemOf(read, 'postgres-max-open-conns', message)];
  if (open <= 1) return problem(`postgres-max-open-conns (${open}) must be greater than 1`);
  if (typeof idle !== 'number' || idle <= open) return [];
  return problem(`postgres-max-idle-conns (${idle}) cannot be greater than postgres-max-open-conns (${open})`);
}
