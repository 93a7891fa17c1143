/** An instant: milliseconds since 1970-01-01T00:00Z. */
export type EpochMs = number;

/** Where time comes from. Decisions take an instant as an argument and never ask a clock. */
export interface Clock {
  now(): EpochMs;
  /** Calls `wake` once at or after `at`, unless the returned function was called first. */
  schedule(at: EpochMs, wake: () => void): () => void;
}
