import type { HeldJob } from './model.ts';
import type { World } from './world.ts';

/** As in the engine (libs/engine/src/job). */
const CLAIM_MAX = 32;
const FALLBACK_MS = 500;
const WAKE_MIN_MS = 1;

/**
 * An executor as the engine has it: claims when it has free slots and a hint, the time that the store named or a job that
 * ended tells it to; one claim at a time; a hint during a claim makes another one follow. It can die, and it can stop for so
 * long that its leases are lost, and then go on.
 */
export class Executor {
  readonly #world: World;
  readonly #slots: number;
  readonly #held = new Set<HeldJob>();
  #workerId: string;
  #reserved = 0;
  #isClaiming = false;
  #isNudged = false;
  #mayHaveMore = false;
  /** Another one after each death: what the dead one was about to do does not happen. */
  #life = 0;
  #isDead = false;
  #frozenUntil = 0;
  /** When it looks again if nothing tells it to do so before. */
  #wakeAt = 0;
  #rests = 0;

  constructor(world: World, slots: number) {
    this.#world = world;
    this.#slots = slots;
    this.#workerId = world.unique('worker');
    this.#start();
  }

  /** It has room, and nothing is under way that would make it claim before its timer. */
  get isResting(): boolean {
    const { now } = this.#world.time;
    const isThere = !this.#isDead && this.#frozenUntil <= now;
    return isThere && this.#free > 0 && !this.#isClaiming && this.#wakeAt > now;
  }

  get held(): number {
    return this.#held.size;
  }

  get #free(): number {
    return this.#slots - this.#held.size - this.#reserved;
  }

  nudge(): void {
    if (this.#isDead) return;
    if (this.#isClaiming) this.#isNudged = true;
    else if (this.#free <= 0) this.#mayHaveMore = true;
    else this.#claim();
  }

  #start(): void {
    this.#after(this.#world.random.between(0, FALLBACK_MS), () => this.nudge());
    this.#after(this.#world.leaseMs / 3, () => this.#extendLeases());
  }

  /** What this executor does later: not if it is dead by then, and when it goes on if it has stopped. */
  #after(ms: number, action: () => void): void {
    const { time } = this.#world;
    const life = this.#life;
    const act = (): void => {
      if (life !== this.#life) return;
      if (this.#frozenUntil > time.now) time.at(this.#frozenUntil, act);
      else action();
    };
    time.after(ms, act);
  }

  // ---------------------------------------------------------------------------------------------------------- claims

  #claim(): void {
    const jobsMax = Math.min(CLAIM_MAX, this.#free);
    this.#reserved += jobsMax;
    this.#isClaiming = true;
    this.#isNudged = false;
    this.#after(this.#world.wayMs(), () => {
      const { jobs, nextWakeAt } = this.#world.claim(this.#workerId, jobsMax);
      // Whoever dies before the answer has arrived has the jobs all the same.
      for (const job of jobs) this.#held.add(job);
      this.#reserved -= jobs.length;
      this.#after(this.#world.wayMs(), () => this.#claimed(jobs, jobsMax, nextWakeAt));
    });
  }

  #claimed(jobs: readonly HeldJob[], jobsMax: number, nextWakeAt: number | undefined): void {
    this.#reserved -= jobsMax - jobs.length;
    this.#isClaiming = false;
    for (const job of jobs) this.#execute(job);
    this.#mayHaveMore = jobs.length === jobsMax;
    if (this.#isNudged || this.#mayHaveMore) this.nudge();
    if (!this.#isClaiming) this.#rest(nextWakeAt);
  }

  #rest(nextWakeAt: number | undefined): void {
    const { now } = this.#world.time;
    const inMs =
      nextWakeAt === undefined ? FALLBACK_MS : Math.max(WAKE_MIN_MS, Math.min(FALLBACK_MS, nextWakeAt - now));
    this.#wakeAt = now + inMs;
    this.#rests += 1;
    const rest = this.#rests;
    this.#after(inMs, () => {
      if (rest === this.#rests && !this.#isClaiming) this.nudge();
    });
  }

  // ------------------------------------------------------------------------------------------------------------ jobs

  #execute(job: HeldJob): void {
    const { random } = this.#world;
    const { fn } = job.run;
    // Between half and one and a half of the mean.
    this.#after(fn.callMs * random.between(0.5, 1.5), () => this.#commit(job, random.chance(fn.failureRate)));
  }

  #commit(job: HeldJob, isFailure: boolean): void {
    this.#after(this.#world.wayMs(), () => {
      const { next, hasReady } = this.#world.commit(job, isFailure);
      if (next !== undefined) {
        this.#held.delete(job);
        this.#held.add(next);
      }
      this.#after(this.#world.wayMs(), () => {
        if (next !== undefined) this.#execute(next);
        else this.#held.delete(job);
        this.#goOn(hasReady, next === undefined);
      });
    });
  }

  #goOn(hasReady: boolean, isFree: boolean): void {
    if (hasReady) {
      this.nudge();
      // Another one may have room for them.
      if (this.#free <= 0) this.#world.hint();
    } else if (isFree && this.#mayHaveMore) {
      this.nudge();
    }
  }

  #extendLeases(): void {
    for (const job of this.#held) this.#world.extend(job);
    this.#after(this.#world.leaseMs / 3, () => this.#extendLeases());
  }

  // ---------------------------------------------------------------------------------------------------- disturbances

  /** Dies with all that it does. A new one takes its place. */
  die(restartMs: number): void {
    this.#life += 1;
    this.#isDead = true;
    for (const job of this.#held) this.#world.abandon(job);
    this.#becomeNew(restartMs);
  }

  /** Ends in order: what it has is given back. */
  leave(restartMs: number): void {
    this.#life += 1;
    this.#isDead = true;
    for (const job of this.#held) this.#world.giveBack(job);
    this.#becomeNew(restartMs);
  }

  #becomeNew(restartMs: number): void {
    this.#held.clear();
    this.#reserved = 0;
    this.#isClaiming = false;
    this.#isNudged = false;
    this.#frozenUntil = 0;
    this.#wakeAt = 0;
    this.#rests += 1;
    this.#workerId = this.#world.unique('worker');
    this.#after(restartMs, () => {
      this.#isDead = false;
      this.#start();
    });
  }

  /** Does nothing for a while, and then goes on as if nothing had been. */
  freeze(ms: number): void {
    this.#frozenUntil = this.#world.time.now + ms;
    for (const job of this.#held) this.#world.abandon(job);
  }
}
