import { setTimeout as delay } from 'node:timers/promises';

import { isRetryable, storeError } from './redis-errors.ts';

/** How long a command is repeated before its failure is the caller's. One attempt may take a silence more. */
const PATIENCE_MS = 10_000;
const BACKOFF_FIRST_MS = 5;
const BACKOFF_MAX_MS = 1_000;

/**
 * Tries, and tries again when the outcome is unknown or Redis refused for a moment: `attempt` must stand being done twice.
 * `learn` is told of each failure before the next attempt. Rejects with a `PerdureError` that names `operation` and has
 * the error of Redis as its cause.
 */
export async function repeatCommand<Reply>(args: {
  operation: string;
  attempt: () => Promise<Reply>;
  learn: (error: unknown) => Promise<void>;
  patienceMs?: number | undefined;
}): Promise<Reply> {
  const { operation, attempt, learn, patienceMs = PATIENCE_MS } = args;
  const deadline = performance.now() + patienceMs;
  for (let failures = 0; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isRetryable(error) || performance.now() >= deadline) throw storeError(error, operation);
      await learn(error);
      await delay(Math.min(BACKOFF_FIRST_MS * 2 ** failures, BACKOFF_MAX_MS));
    }
  }
}
