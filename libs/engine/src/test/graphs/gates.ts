/** Something that goes on by itself and may die at any of its gates: a call of an executor, the handling of an event ... */
export class Actor {
  readonly name: string;
  readonly #onDeath: () => void;
  #isDead = false;

  constructor(name: string, onDeath: () => void = () => undefined) {
    this.name = name;
    this.#onDeath = onDeath;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  die(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#onDeath();
  }
}

/**
 * How an actor passes a gate. 'dies-before': what it asks for is not done. 'dies-after': it is done, and nobody hears of it.
 * 'twice': the reply is lost, and the driver asks again.
 */
export type Passage = 'well' | 'dies-before' | 'dies-after' | 'twice';

export interface Gate {
  actor: Actor;
  what: string;
  pass(how: Passage): void;
}

/**
 * Where actors wait for their turn: before each operation on the store and the stream, and around each call. One gate is
 * opened at a time, so that operations of several actors interleave in an order that is chosen.
 */
export class Gates {
  #waiting: Gate[] = [];
  #underWay = 0;
  #failure: { error: unknown } | undefined;

  get waiting(): readonly Gate[] {
    return this.#waiting;
  }

  /** Does `act` when the gate is opened. Of a dead actor nothing goes on. */
  enter<T>(actor: Actor, what: string, act: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (actor.isDead) return;
      const gate: Gate = { actor, what, pass: (how) => void this.#pass(gate, how, act, resolve, reject) };
      this.#waiting.push(gate);
    });
  }

  async #pass<T>(
    gate: Gate,
    how: Passage,
    act: () => Promise<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ): Promise<void> {
    this.#waiting = this.#waiting.filter((other) => other !== gate);
    if (how === 'dies-before' || how === 'dies-after') this.#kill(gate.actor);
    if (how === 'dies-before') return;
    this.#underWay += 1;
    try {
      const first = await act();
      const value = how === 'twice' ? await act() : first;
      if (!gate.actor.isDead) resolve(value);
    } catch (error) {
      reject(error);
      this.fail(error);
    } finally {
      this.#underWay -= 1;
    }
  }

  #kill(actor: Actor): void {
    actor.die();
    this.#waiting = this.#waiting.filter((gate) => gate.actor !== actor);
  }

  /** Ends the simulation: nothing may fail in it. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Resolves when all that goes on waits at a gate. Throws what failed. */
  async settle(): Promise<void> {
    do {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    } while (this.#underWay > 0);
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
