import { Snapshot } from './snapshot.ts';

/** What stays: the counters of the cell itself, the limits of functions and accounts, who does what. */
const LASTING = ['sys', 'fn', 'fns', 'rekeys', 'acct', 'duty', 'cron', 'exp'];
/** What stays for a while: dedup and idempotency keys, skipped runs, buckets, records of workers, lanes and signals. */
const EXPIRING = ['idem', 'idk', 'skip', 'gcra', 'rl', 'wk', 'li', 'rsv'];

/**
 * Every key of a dump (`Store.dump`) that should not be there once no run is live, its outbox is drained and garbage has
 * been collected: what is left of runs, counters, pauses and their indexes, and what was to expire but never will.
 */
export function findLeftovers(dump: Readonly<Record<string, unknown>>): string[] {
  const store = new Snapshot(dump);
  const expiries = store.scores('exp');
  return Object.keys(dump)
    .filter((key) => !isInPlace(store, expiries, key))
    .toSorted();
}

function isInPlace(store: Snapshot, expiries: Map<string, number>, key: string): boolean {
  const kind = key.split('|')[0] ?? '';
  if (kind === 'lanes') return [...store.scores('lanes').keys()].every((laneId) => store.doc(`li|${laneId}`));
  return LASTING.includes(kind) || (EXPIRING.includes(kind) && expiries.has(key));
}
