/** How long a test waits for what it awaits before it fails with a sentence instead of a bare test timeout. */
const WAIT_MS_DEFAULT = 10_000;
/** Values kept for later waiters; the oldest go first. */
const KEPT_MAX = 10_000;

/** Something that code under test announces and that a test awaits: the alternative to sleeping. */
export interface TestSignal<T> {
  /** Announces a value. Hand this to the code under test as its callback. */
  emit(value: T): void;
  /** The oldest value not taken yet, now or as soon as there is one. Fails after `waitMs` of real time (10 s). */
  next(waitMs?: number): Promise<T>;
  /** Takes values until one satisfies `isWanted`, and answers that one. */
  nextWhere(isWanted: (value: T) => boolean, waitMs?: number): Promise<T>;
  /** Values announced and not taken yet. */
  pending(): readonly T[];
}

interface Waiter<T> {
  take(value: T): void;
}

/** `name` is what a failed wait says it was waiting for. */
export function testSignal<T = void>(name = 'signal'): TestSignal<T> {
  return new BufferedSignal<T>(name);
}

class BufferedSignal<T> implements TestSignal<T> {
  readonly #name: string;
  /** Boxed: a value may be undefined. */
  readonly #kept: { value: T }[] = [];
  readonly #waiters: Waiter<T>[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  emit(value: T): void {
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) return waiter.take(value);
    this.#kept.push({ value });
    if (this.#kept.length > KEPT_MAX) this.#kept.shift();
  }

  next(waitMs: number = WAIT_MS_DEFAULT): Promise<T> {
    const kept = this.#kept.shift();
    if (kept !== undefined) return Promise.resolve(kept.value);
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = {
        take: (value) => {
          clearTimeout(deadline);
          resolve(value);
        },
      };
      const deadline = setTimeout(() => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(new Error(`waited ${waitMs} ms for "${this.#name}", which was not announced`));
      }, waitMs);
      this.#waiters.push(waiter);
    });
  }

  async nextWhere(isWanted: (value: T) => boolean, waitMs: number = WAIT_MS_DEFAULT): Promise<T> {
    const deadline = performance.now() + waitMs;
    for (;;) {
      const value = await this.next(Math.max(0, deadline - performance.now()));
      if (isWanted(value)) return value;
    }
  }

  pending(): readonly T[] {
    return this.#kept.map((kept) => kept.value);
  }
}
