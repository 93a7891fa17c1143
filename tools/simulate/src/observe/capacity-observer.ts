import type { LiveRun } from '../world/model.ts';
import type { Findings } from './findings.ts';

interface Hold {
  run: LiveRun;
  leaseUntil: number;
}

/** A counter by its name, and the limit that the run's function has for it now. */
interface Limit {
  counter: string;
  limit: number;
}

/**
 * Counts who holds what at every instant, from what the store answered and never from what it stores. Each grant is checked
 * against the limits that hold at its instant; a holder whose lease has ended is considered lost and counts no more.
 */
export class CapacityObserver {
  /** By job. */
  readonly #holds = new Map<string, Hold>();
  /** Jobs by counter. */
  readonly #holders = new Map<string, Set<string>>();
  /** Started runs by run-level counter. */
  readonly #runs = new Map<string, Set<string>>();
  readonly #accountLimits: ReadonlyMap<string, number>;
  readonly #findings: Findings;

  constructor(accountLimits: ReadonlyMap<string, number>, findings: Findings) {
    this.#accountLimits = accountLimits;
    this.#findings = findings;
  }

  /** A job was leased. */
  grant(run: LiveRun, { jobId, leaseUntil, now }: { jobId: string; leaseUntil: number; now: number }): void {
    const earlier = this.#holds.get(jobId);
    if (earlier !== undefined && earlier.leaseUntil > now)
      this.#findings.add(`job ${jobId} was granted twice at ${now}`);
    if (run.fn.isPaused) this.#findings.add(`job ${jobId} was granted at ${now} while its function is paused`);
    this.#hold(run, jobId, leaseUntil);
    for (const { counter, limit } of this.#limitsOf(run)) {
      const holders = membersOf(this.#holders, counter);
      if (holders.size > limit) this.#forgetLost(holders, now);
      if (holders.size > limit) this.#findings.add(`${counter} had ${holders.size} holders of ${limit} at ${now}`);
    }
  }

  /** One that was considered lost is still there, and nobody has its job: the store has counted it all the time. */
  regain(run: LiveRun, jobId: string, leaseUntil: number): void {
    this.#hold(run, jobId, leaseUntil);
  }

  #hold(run: LiveRun, jobId: string, leaseUntil: number): void {
    this.#holds.set(jobId, { run, leaseUntil });
    run.held.add(jobId);
    for (const { counter } of this.#limitsOf(run)) membersOf(this.#holders, counter).add(jobId);
  }

  /** A run was started. Its function's limit for runs holds from now until it ends. */
  start(run: LiveRun, now: number): void {
    const counter = run.keys?.run;
    const limit = run.fn.limits.run;
    if (counter === undefined || limit === undefined) return;
    const runs = membersOf(this.#runs, counter);
    runs.add(run.runId);
    if (runs.size > limit) this.#findings.add(`${counter} had ${runs.size} runs of ${limit} at ${now}`);
  }

  extend(jobId: string, leaseUntil: number): void {
    const hold = this.#holds.get(jobId);
    if (hold !== undefined) hold.leaseUntil = leaseUntil;
  }

  /** Whether the job was held. */
  release(jobId: string): boolean {
    const hold = this.#holds.get(jobId);
    if (hold === undefined) return false;
    this.#holds.delete(jobId);
    hold.run.held.delete(jobId);
    for (const { counter } of this.#limitsOf(hold.run)) this.#holders.get(counter)?.delete(jobId);
    return true;
  }

  end(run: LiveRun): void {
    for (const jobId of run.held) this.release(jobId);
    if (run.keys?.run !== undefined) this.#runs.get(run.keys.run)?.delete(run.runId);
  }

  leaseEndOf(jobId: string): number | undefined {
    return this.#holds.get(jobId)?.leaseUntil;
  }

  /** Whether another job of such a run, its start or a later one, would be within all limits. */
  hasRoom(run: LiveRun, { isStart }: { isStart: boolean }): boolean {
    if (run.fn.isPaused) return false;
    for (const { counter, limit } of this.#limitsOf(run)) {
      if ((this.#holders.get(counter)?.size ?? 0) >= limit) return false;
    }
    if (!isStart || run.keys?.run === undefined) return true;
    return (this.#runs.get(run.keys.run)?.size ?? 0) < (run.fn.limits.run ?? Infinity);
  }

  #limitsOf({ fn: { limits }, keys }: LiveRun): Limit[] {
    const found: Limit[] = [
      { counter: `account ${limits.accountId}`, limit: this.#accountLimits.get(limits.accountId) ?? Infinity },
      { counter: `function ${limits.functionId}`, limit: limits.concurrency },
    ];
    for (const [slot, key] of (keys?.keyed ?? []).entries()) {
      found.push({ counter: `key ${key}`, limit: limits.keyed[slot] ?? Infinity });
    }
    return found;
  }

  #forgetLost(holders: Set<string>, now: number): void {
    for (const jobId of holders) {
      if ((this.#holds.get(jobId)?.leaseUntil ?? 0) <= now) this.release(jobId);
    }
  }
}

function membersOf(sets: Map<string, Set<string>>, name: string): Set<string> {
  let set = sets.get(name);
  if (set === undefined) {
    set = new Set();
    sets.set(name, set);
  }
  return set;
}
