import { createHash } from 'node:crypto';
import type { EnvId, PauseId } from '@perdure/domain';
import type { AdvanceArgs, ConsumeResult, PauseStore, StepPlan, Store } from '../store.ts';

type SignalPlan = Extract<StepPlan, { kind: 'signal' }>;

/** Times that a reservation is tried: each time another waiter was found to be gone. */
const TRIES_MAX = 5;

/**
 * Signals of several cells (`SignalStore`). Reserving comes first, creating the pause second; between the two, a process
 * may die: then the reservation is found to be of no use by whoever wants it next.
 *
 * | the signal is held by | 'fail' | 'replace' |
 * |---|---|---|
 * | nobody, or a wait that ended | reserved | reserved |
 * | a wait that is not there yet, lately | taken | reserved |
 * | one that waits | taken | reserved; the other waits on for its end only |
 */
export class SignalRoutes {
  readonly #cells: readonly Store[];
  readonly #cellOfPause: (pauseId: PauseId) => Store;

  constructor(cells: readonly Store[], cellOfPause: (pauseId: PauseId) => Store) {
    this.#cells = cells;
    this.#cellOfPause = cellOfPause;
  }

  /** The answer as the run's cell is to commit it: what may wait may replace others there, what may not fails. */
  async reserve(args: AdvanceArgs, cell: Store): Promise<AdvanceArgs> {
    const run = await cell.findRun(args.runId);
    if (run === undefined) return args;
    const plans: StepPlan[] = [];
    // One after the other: two may be for the same signal.
    for (const plan of args.plans) {
      plans.push(plan.kind === 'signal' ? await this.#reservePlan(run.envId, plan, cell) : plan);
    }
    return { ...args, plans };
  }

  async #reservePlan(envId: EnvId, plan: SignalPlan, cell: Store): Promise<SignalPlan> {
    const { hash, pause } = plan;
    const signal = pause.correlationId ?? '';
    const home = this.#homeOf(envId, signal);
    const wanted = { envId, signal, pauseId: pause.pauseId, hash, expiresAt: pause.expiresAt };
    let instead: PauseId | undefined;
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const result = await home.reserveSignal(instead === undefined ? wanted : { ...wanted, instead });
      if (result.kind === 'reserved') {
        if (instead !== undefined) await this.#cellOfPause(instead).releaseSignal({ envId, signal, pauseId: instead });
        return { ...plan, conflict: 'replace' };
      }
      // A step that is planned again when it has ended already takes the signal from nobody.
      if ((await cell.findWait({ pauseId: pause.pauseId, hash })) === 'ended') return plan;
      if (plan.conflict !== 'replace' && (await this.#isHeld(result))) return { ...plan, conflict: 'taken' };
      instead = result.pauseId;
    }
    return { ...plan, conflict: 'taken' };
  }

  async #isHeld({ pauseId, hash, isFresh }: { pauseId: PauseId; hash: string; isFresh: boolean }): Promise<boolean> {
    const wait = await this.#cellOfPause(pauseId).findWait({ pauseId, hash });
    return wait === 'waiting' || (wait === 'unknown' && isFresh);
  }

  /** Where home knows of no waiter, or of one that is gone, each cell is asked: home may have lost its last writes. */
  async resume(args: Parameters<PauseStore['resume']>[0]): Promise<ConsumeResult> {
    const { envId, correlationId: signal, memo } = args;
    const home = this.#homeOf(envId, signal);
    const pauseId = await home.findSignal({ envId, signal });
    if (pauseId !== undefined) {
      const result = await this.#cellOfPause(pauseId).consumePause({ pauseId, memo });
      if (result.kind === 'resumed') {
        await home.releaseSignal({ envId, signal, pauseId });
        return result;
      }
    }
    for (const cell of this.#cells) {
      const result = await cell.resume(args);
      if (result.kind === 'resumed') return result;
    }
    return { kind: 'gone' };
  }

  #homeOf(envId: EnvId, signal: string): Store {
    const hash = createHash('sha256').update(`${envId} ${signal}`).digest().readUInt32BE();
    const home = this.#cells[hash % this.#cells.length];
    if (home === undefined) throw new RangeError('there must be a cell');
    return home;
  }
}
