/** Work that shares the next commit. `bytes` bounds how much goes into one. */
export interface Commitable {
  bytes: number;
  resolve: () => void;
  reject: (error: Error) => void;
}

/** A commit takes a few milliseconds at this size; what is more waits for the next one. */
const COMMIT_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Group commit: one commit at a time; all that arrives while it runs shares the next one, and with it one flush of the
 * disk.
 *
 * 1. `commit` never runs twice at once.
 * 2. Entries are committed in the order of `add`.
 * 3. An entry is resolved only after the commit that has it succeeded, rejected when that commit failed.
 */
export class CommitLoop<Entry extends Commitable> {
  readonly #commit: (entries: Entry[]) => Promise<void>;
  #waiting: Entry[] = [];
  #isStarted = false;
  #idle: Promise<void> = Promise.resolve();

  constructor(commit: (entries: Entry[]) => Promise<void>) {
    this.#commit = commit;
  }

  add(entry: Entry): void {
    this.#waiting.push(entry);
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#idle = this.#run();
  }

  /** Resolves when everything added so far is settled. */
  idle(): Promise<void> {
    return this.#idle;
  }

  async #run(): Promise<void> {
    // Requests that arrive in one turn of the event loop share the first commit as well.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const entries = this.#take();
      try {
        await this.#commit(entries);
        for (const entry of entries) entry.resolve();
      } catch (error) {
        const reason = error instanceof Error ? error : new Error(String(error));
        for (const entry of entries) entry.reject(reason);
      }
    }
    this.#isStarted = false;
  }

  #take(): Entry[] {
    let bytes = 0;
    const end = this.#waiting.findIndex((entry, index) => {
      bytes += entry.bytes;
      return index > 0 && bytes > COMMIT_BYTES_MAX;
    });
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
  }
}
