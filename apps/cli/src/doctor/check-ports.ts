import { GROUP_NAMES, type GroupName } from '@perdure/event-stream';
import type { Ports } from '@perdure/engine';
import { findLeftovers, type StoreInspection } from '@perdure/store';
import { type Check, attempt } from './check.ts';

const TIMEOUT_MS = 15_000;
/** Looking at every key of a large store takes its time. */
const DEEP_MS = 3_600_000;
/** What a runner handles in seconds; more waits for something that is down or too slow. */
const BACKLOG_MAX = 10_000;
const DEAD_LETTERS_SHOWN = 10;
const INVARIANTS_SHOWN = 10;
const LEFTOVERS_SHOWN = 10;
/** What one look of an audit takes: so little that whoever uses the store meanwhile does not notice. */
const AUDIT_ENTRIES = 100;
/** Looks between two lines that tell how far it is. */
const LOOKS_TOLD = 1000;

export interface DoctorOptions {
  /** Looks at everything in the store. */
  isDeep: boolean;
  /** Is told a line of what takes long. */
  tell: (line: string) => void;
}

/** Looks at what a deployment holds, through the ports that its servers have. Changes nothing. */
export async function checkPorts(ports: Ports, { isDeep, tell }: DoctorOptions): Promise<Check[]> {
  const groups = GROUP_NAMES.flatMap((group) => [
    look(`events for the ${group}`, () => checkLag(ports, group)),
    look(`dead letters of the ${group}`, () => checkDeadLetters(ports, group)),
  ]);
  const checks = await Promise.all([
    ...groups,
    look('queue', () => checkQueue(ports)),
    look('outbox', () => checkOutbox(ports)),
    look('functions', () => checkFunctions(ports)),
    ...(isDeep ? [look('invariants', () => checkInvariants(ports, tell), DEEP_MS)] : []),
    ...(isDeep ? [look('leftovers', () => checkLeftovers(ports), DEEP_MS)] : []),
  ]);
  return checks.flat();
}

function look(name: string, check: () => Promise<Check>, timeoutMs = TIMEOUT_MS): Promise<Check[]> {
  return attempt(name, timeoutMs, async () => [await check()]);
}

async function checkLag({ stream }: Ports, group: GroupName): Promise<Check> {
  const lag = await stream.lag(group);
  const isLate = lag > BACKLOG_MAX;
  return {
    name: `events for the ${group}`,
    status: isLate ? 'warning' : 'ok',
    message: `${lag} wait${isLate ? ': is a runner up, and what it needs?' : ''}`,
    facts: { lag },
  };
}

async function checkDeadLetters({ stream }: Ports, group: GroupName): Promise<Check> {
  const name = `dead letters of the ${group}`;
  const letters = await stream.readDeadLetters(group, DEAD_LETTERS_SHOWN + 1);
  const [oldest] = letters;
  if (oldest === undefined) return { name, status: 'ok', message: 'none' };
  const shown = letters.slice(0, DEAD_LETTERS_SHOWN);
  const count = letters.length > shown.length ? `more than ${shown.length}` : String(shown.length);
  return {
    name,
    status: 'problem',
    message: `${count} given up on; the oldest is ${oldest.id} of ${instant(oldest.appendedAt)}: ${oldest.reason}`,
    facts: { oldest: shown.map(({ id, appendedAt, reason }) => ({ id, appendedAt: instant(appendedAt), reason })) },
  };
}

async function checkQueue({ store }: Ports): Promise<Check> {
  const counts = await store.counts();
  const { runs, ready, leased, delayed, pauses } = counts;
  const message = `${runs} runs: ${leased} steps at work, ${ready} ready, ${delayed} for later, ${pauses} waits`;
  return { name: 'queue', status: 'ok', message, facts: { cells: store.cells.length, ...counts } };
}

async function checkOutbox({ store }: Ports): Promise<Check> {
  const { outbox } = await store.counts();
  const isLate = outbox > BACKLOG_MAX;
  return {
    name: 'outbox',
    status: isLate ? 'warning' : 'ok',
    message: `${outbox} entries wait to be drained${isLate ? ': is a runner up, and the event stream?' : ''}`,
    facts: { outbox },
  };
}

async function checkFunctions({ catalog }: Ports): Promise<Check> {
  const functions = catalog.index.active().length;
  return { name: 'functions', status: 'ok', message: `${functions} registered`, facts: { functions } };
}

/** A page at a time, each at one instant: what servers do meanwhile is no problem. */
async function checkInvariants({ store }: Ports, tell: (line: string) => void): Promise<Check> {
  // Pages may overlap, and tell the same twice.
  const broken = new Set<string>();
  for (const [number, cell] of store.cells.entries()) {
    const name = store.cells.length === 1 ? 'store' : `cell ${number}`;
    let looks = 0;
    for await (const problems of auditPages(cell)) {
      const news = problems.map((problem) => `${name}: ${problem}`).filter((problem) => !broken.has(problem));
      for (const problem of news) {
        tell(problem);
        broken.add(problem);
      }
      looks += 1;
      if (looks % LOOKS_TOLD === 0) tell(`${name}: ${looks} looks so far`);
    }
    tell(`${name}: done after ${looks} looks`);
  }
  return judgeInvariants([...broken]);
}

async function* auditPages(cell: StoreInspection): AsyncGenerator<string[]> {
  let cursor: string | undefined;
  do {
    const page = await cell.audit({ entriesMax: AUDIT_ENTRIES, ...(cursor !== undefined && { cursor }) });
    yield page.problems;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

function judgeInvariants(broken: string[]): Check {
  if (broken.length === 0) return { name: 'invariants', status: 'ok', message: 'all hold' };
  const shown = broken.slice(0, INVARIANTS_SHOWN);
  return {
    name: 'invariants',
    status: 'problem',
    message: `${broken.length} are broken: ${shown.join('; ')}`,
    facts: { broken: shown },
  };
}

/** What is left when nothing runs belongs to nobody; while something runs nobody can tell. */
async function checkLeftovers({ store }: Ports): Promise<Check> {
  const name = 'leftovers';
  const { runs, outbox } = await store.counts();
  if (runs + outbox > 0) return { name, status: 'ok', message: 'not looked for while there are runs' };
  const left = (await Promise.all(store.cells.map(async (cell) => findLeftovers(await cell.dump())))).flat();
  if (left.length === 0) return { name, status: 'ok', message: 'none' };
  const shown = left.slice(0, LEFTOVERS_SHOWN);
  return {
    name,
    status: 'problem',
    message: `${left.length} keys of runs that are gone: ${shown.join('; ')}`,
    facts: { left: shown },
  };
}

function instant(at: number): string {
  return new Date(at).toISOString();
}
