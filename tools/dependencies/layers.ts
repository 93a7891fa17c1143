/**
 * Who may import whom (docs/ARCHITECTURE.md): `domain <- protocol, expressions <- ports <- engine <- boot <- apps <- cli`, where a
 * package imports only what stands to the left of it, never a neighbour.
 */
const ORDER = [
  ['libs/domain'],
  ['libs/protocol', 'libs/expressions', 'libs/data-folder'],
  ['libs/store', 'libs/event-stream', 'libs/history', 'libs/invoker', 'libs/bus'],
  ['libs/engine'],
  ['libs/boot'],
  ['apps/event-api', 'apps/runner', 'apps/executor', 'apps/api', 'apps/connect', 'apps/sample'],
  ['apps/cli'],
];

const DOMAIN = 'libs/domain';
/** Usable by every package but domain; they use nothing but domain themselves. */
const LEAVES = ['libs/config', 'libs/telemetry'];
const TESTING = 'libs/testing';
/** What testing is made of, and what therefore cannot be tested with it: that would be a cycle of packages. */
const BELOW_TESTING = [DOMAIN, 'libs/protocol'];
const BOOT = 'libs/boot';
/** Packages that are tests from end to end: they may import anything. */
const TEST_PACKAGES = ['tests', 'bench', 'tools/simulate'];
/** The dashboard is a client: it shares the words of the wire and nothing else. */
const DASHBOARD = 'apps/dashboard';

/** Whether the order of packages knows the package in this folder; one that it does not know may not be added silently. */
export function isPlaced(path: string): boolean {
  return rankOf(path) !== undefined || [...LEAVES, TESTING, ...TEST_PACKAGES, DASHBOARD].includes(path);
}

/** Whether the package in folder `from` may depend on the one in folder `to`, in what it ships. */
export function mayImport(from: string, to: string): boolean {
  if (TEST_PACKAGES.includes(from)) return true;
  if (LEAVES.includes(from)) return to === DOMAIN;
  if (from === DASHBOARD) return to === 'libs/protocol';
  if (from === TESTING) return BELOW_TESTING.includes(to);
  if (LEAVES.includes(to)) return from !== DOMAIN;
  const [fromRank, toRank] = [rankOf(from), rankOf(to)];
  return fromRank !== undefined && toRank !== undefined && toRank < fromRank;
}

/** As {@link mayImport}, for tests and what only they use: `testing` comes in. */
export function mayImportInTests(from: string, to: string): boolean {
  return to === TESTING ? !BELOW_TESTING.includes(from) : mayImport(from, to);
}

/** Drivers are named in one place, so that everything else works with any of them. */
export function mayNameDrivers(from: string): boolean {
  return from === BOOT || TEST_PACKAGES.includes(from);
}

/** Whether the whole package exists for tests, so that what it imports is never shipped. */
export function isForTests(path: string): boolean {
  return path === TESTING || TEST_PACKAGES.includes(path);
}

function rankOf(path: string): number | undefined {
  const rank = ORDER.findIndex((group) => group.includes(path));
  return rank === -1 ? undefined : rank;
}
