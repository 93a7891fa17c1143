/** Bounds of every loop in the operations, and the constants of scheduling (execution.md 3.4). */

/** Delayed jobs fired by one claim. */
export const PROMOTE_MAX = 200;
/** Lost leases taken back by one claim. */
export const REAP_MAX = 50;
/** Parked things looked at again by one claim, lanes that wait for a bucket included. */
export const UNPARK_MAX = 200;
/** Looks at lanes in one claim. */
export const VISITS_MAX = 256;
/** Jobs granted to a lane before the next one has its turn. */
export const QUANTUM = 8;
/** Waiting lanes looked at when a counter has room: those of paused or full functions are passed over. */
export const WAKE_SCAN_MAX = 20;
/** Lanes of a function woken or handed on in one operation. */
export const FUNCTION_LANES_MAX = 1000;
/** Jobs and pauses that the end of a run removes at once; the rest is left to `collectGarbage`. */
export const PURGE_INLINE_MAX = 64;
/** Jobs of a run at most: planned steps, each with one job, and discoveries. */
export const RUN_JOBS_MAX = 25_000;
/** Entries that one operation on the outbox reads or drops. */
export const OUTBOX_MAX = 1000;
/** An outbox reading or a claim ends early when what it answers is as large as this. */
export const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
/** Things looked at by one page of a reconciliation, whatever its entries are; one entry may take more. */
export const RECONCILE_LOOKS_MAX = 2000;
/** The same of an audit, which is in no hurry and holds nobody up. */
export const AUDIT_LOOKS_MAX = 500;
/** Timers in one page: few have one instant, and one costs little. */
export const TIMERS_PAGE = 1000;
/** Holders of a counter, and jobs of a lane, looked at by a reconciliation. */
export const HOLDERS_CHECKED_MAX = 5000;
export const LANE_JOBS_CHECKED_MAX = 100;
/** Lanes whose jobs are counted by one look: nothing else is served meanwhile. */
export const DEPTH_LANES_MAX = 1000;
/** Live runs that one page of a list looks at. */
export const LIST_RUNS_LOOKS_MAX = 1000;
/** Jobs that one operation moves to the lanes of other keys. */
export const REKEY_JOBS_MAX = 500;
/** Functions whose runs are to be keyed anew, answered by one look. */
export const REKEYS_MAX = 1000;
/** Jobs of a run, runs that hold a counter, and holders looked at for them, when it is explained what the run waits for. */
export const EXPLAIN_JOBS_MAX = 1000;
export const EXPLAIN_RUNS_MAX = 10;
export const EXPLAIN_HOLDERS_MAX = 100;
/** Pauses answered by one look-up. */
export const FIND_PAUSES_MAX = 1000;

/** A pass grows by SCALE / weight a job. */
export const SCALE = 1000;
/** A lane that waited for a counter, and its function, may catch up by as much as 32 jobs. */
export const WAITING_CREDIT = 32 * SCALE;
/** Class C (going on) gets this many jobs for each of class S (starting). */
export const CONTINUE_SHARE = 10;
/** Jobs of a run handed on directly before it takes its turn in its lane again. */
export const CHAIN_MAX = 5;
/** After a limit was lowered, chains look at it this long: what was in use then has ended. */
export const LOWERED_MS = 3_600_000;
/** Reaps before a job counts as poison: it takes its executor down. */
export const SCAVENGES_MAX = 20;

/** What is parked for a counter is looked at again after this even if nothing woke it: a net, not a mechanism. */
export const PARK_FALLBACK_MS = 60_000;
/** The same for lanes that wait for a bucket, of which there may be thousands, and for hours. */
export const LINE_FALLBACK_MS = 3_600_000;
/** The record of an empty lane is kept this long, so that its pass is not forgotten. */
export const LANE_IDLE_MS = 600_000;
/** At most this long where its counters are held. */
export const LANE_HELD_MS = 1_800_000;
/** How long the last claim of a worker can be repeated. */
export const WORKER_IDLE_MS = 600_000;
/** How long a dedup or idempotency key, or a skipped run, is remembered (execution.md 2.3). */
export const TOMBSTONE_MS = 86_400_000;

export const FUNCTION_LIMIT_DEFAULT = 1000;
export const ACCOUNT_LIMIT_DEFAULT = 1000;
export const UNLIMITED = 1_000_000_000;
