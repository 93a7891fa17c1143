/**
 * A map that forgets what was not used lately, holding between `size` and twice that many entries. It keeps two
 * generations: what is found in the old one moves to the new one, and when the new one is full, the old one goes.
 */
export class RecentMap<Value> {
  readonly #size: number;
  #new = new Map<string, Value>();
  #old = new Map<string, Value>();

  constructor(size: number) {
    this.#size = size;
  }

  get(key: string): Value | undefined {
    const recent = this.#new.get(key);
    if (recent !== undefined) return recent;
    const older = this.#old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: string, value: Value): void {
    if (this.#new.size >= this.#size) {
      this.#old = this.#new;
      this.#new = new Map();
    }
    this.#new.set(key, value);
  }

  delete(key: string): void {
    this.#new.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#new.clear();
    this.#old.clear();
  }
}
