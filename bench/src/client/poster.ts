import { Pool, type Dispatcher } from 'undici';

const REQUEST_TIMEOUT_MS = 30_000;

/** Sends JSON with as little work per request as undici allows: the client shares the machine with the server. */
export class Poster {
  readonly #pool: Pool;

  /** At most `connections` requests to `origin` at once; others wait. */
  constructor(origin: string, connections: number) {
    this.#pool = new Pool(origin, {
      connections,
      headersTimeout: REQUEST_TIMEOUT_MS,
      bodyTimeout: REQUEST_TIMEOUT_MS,
    });
  }

  /** Resolves once the answer has been read in full; rejects unless its status is in `expected`. */
  post(path: string, body: string, expected: readonly number[] = [200]): Promise<void> {
    return new Promise((resolve, reject) => {
      const handler = new AnswerCheck(expected, resolve, reject);
      this.#pool.dispatch({ path, method: 'POST', headers: JSON_HEADERS, body }, handler);
    });
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

const JSON_HEADERS = ['content-type', 'application/json'];

class AnswerCheck implements Dispatcher.DispatchHandler {
  readonly #expected: readonly number[];
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;
  #status = 0;
  #body = '';

  constructor(expected: readonly number[], resolve: () => void, reject: (error: Error) => void) {
    this.#expected = expected;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: unknown, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    if (!this.#expected.includes(this.#status)) this.#body += chunk.toString();
  }

  onResponseEnd(): void {
    if (this.#expected.includes(this.#status)) this.#resolve();
    else this.#reject(new Error(`answered ${this.#status}: ${this.#body.slice(0, 500)}`));
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#reject(error);
  }
}
