import type { World } from '../world/world.ts';
import { Findings } from './findings.ts';
import type { ReadyGroup } from './ready-jobs.ts';

/** Mean time between two looks. */
const LOOK_MS = 50;
/** What is seen once may be on its way; it counts when it is so at each of as many looks. */
const LOOKS = 10;
const GROUPS_MAX = 200;

/**
 * Looks at random instants whether an executor rests with a free slot while a job waits that no limit holds back, and nothing is on its
 * way that would bring them together. Counts when this stays so for `graceMs`, without any job of the kind being granted.
 */
export class IdleSlotsObserver {
  readonly findings = new Findings();
  looks = 0;
  readonly #world: World;
  readonly #graceMs: number;

  constructor(world: World, graceMs: number) {
    this.#world = world;
    this.#graceMs = graceMs;
    this.#planLook();
  }

  #planLook(): void {
    const { time, random } = this.#world;
    time.after(random.exponential(LOOK_MS), () => {
      this.#look();
      this.#planLook();
    });
  }

  #look(): void {
    this.looks += 1;
    const group = this.#findForgotten();
    if (group !== undefined) this.#lookAgain(group, group.granted, 1);
  }

  #lookAgain(group: ReadyGroup, granted: number, looks: number): void {
    const { time, random } = this.#world;
    time.after((this.#graceMs / LOOKS) * random.between(0.5, 1.5), () => {
      if (group.granted !== granted || !this.#isForgotten(group) || !this.#hasRest()) return;
      if (looks < LOOKS) this.#lookAgain(group, granted, looks + 1);
      else
        this.findings.add(
          `${group.waiting} jobs of ${group.name} waited for nothing at ${time.elapsedMs.toFixed(0)} ms`,
        );
    });
  }

  #findForgotten(): ReadyGroup | undefined {
    if (!this.#hasRest()) return undefined;
    let looked = 0;
    for (const group of this.#world.ready.groups.values()) {
      if (this.#isForgotten(group)) return group;
      looked += 1;
      if (looked === GROUPS_MAX) return undefined;
    }
    return undefined;
  }

  #hasRest(): boolean {
    return !this.#world.isHintUnderway && this.#world.executors.some((executor) => executor.isResting);
  }

  #isForgotten({ run, isStart, waiting }: ReadyGroup): boolean {
    const { capacity, throttles, store } = this.#world;
    if (waiting === 0 || !capacity.hasRoom(run, { isStart })) return false;
    const { throttle } = run.fn.limits;
    if (!isStart || throttle === undefined || run.keys?.throttle === undefined) return true;
    const rate = { ...throttle, capacity: throttle.limit + throttle.burst };
    return throttles.hasToken(run.keys.throttle, rate, store.now - 1);
  }
}
