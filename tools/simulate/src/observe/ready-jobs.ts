import type { LiveRun } from '../world/model.ts';
import type { Findings } from './findings.ts';

/** Ready jobs that the same limits hold back. */
export interface ReadyGroup {
  name: string;
  /** One of the runs, whose limits are those of all. */
  run: LiveRun;
  isStart: boolean;
  waiting: number;
  granted: number;
}

/**
 * What waits, by what the application answered and what time it is, and not by what the store's queue says: so that a job that
 * the queue has forgotten shows, and one that it hands out too early.
 */
export class ReadyJobs {
  readonly groups = new Map<string, ReadyGroup>();
  readonly #findings: Findings;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** A job of the run is ready from now on. */
  add(run: LiveRun, now: number): void {
    run.readySince.push(now);
    this.#groupOf(run).waiting += 1;
  }

  /** A job of the run was granted. Answers since when it was ready. */
  take(run: LiveRun, now: number): number {
    const since = run.readySince.shift();
    if (since === undefined) {
      this.#findings.add(`a job of run ${run.runId} was granted at ${now} that was not ready`);
      return now;
    }
    const group = this.#groupOf(run);
    group.granted += 1;
    this.#leave(group, 1);
    return since;
  }

  /** All of the run is gone. */
  drop(run: LiveRun): void {
    this.#leave(this.#groupOf(run), run.readySince.length);
    run.readySince = [];
  }

  #leave(group: ReadyGroup, count: number): void {
    group.waiting -= count;
    if (group.waiting === 0) this.groups.delete(group.name);
  }

  #groupOf(run: LiveRun): ReadyGroup {
    const isStart = !run.hasStarted;
    const { throttle = '', keyed = [], run: level = '' } = run.keys ?? {};
    const name = `${run.fn.limits.functionId} ${keyed.join(' ')}${isStart ? ` start ${throttle} ${level}` : ''}`;
    let group = this.groups.get(name);
    if (group === undefined) {
      group = { name, run, isStart, waiting: 0, granted: 0 };
      this.groups.set(name, group);
    }
    return group;
  }
}
