export const RUN_STATUSES = ['Scheduled', 'Running', 'Completed', 'Failed', 'Cancelled', 'Skipped'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];
/** Terminal states never change (execution.md 1.4). */
export type EndStatus = Extract<RunStatus, 'Completed' | 'Failed' | 'Cancelled'>;
export type SkipReason = 'FunctionPaused' | 'FunctionDrained' | 'Singleton' | 'FunctionBacklogSizeLimitHit';

export function isEnded(status: RunStatus): boolean {
  return status === 'Completed' || status === 'Failed' || status === 'Cancelled' || status === 'Skipped';
}

export const STEPS_PER_RUN_DEFAULT = 1000;
export const STEPS_PER_RUN_MAX = 10_000;
export const RUN_STATE_BYTES_MAX = 32 * 1024 * 1024;
export const STEP_OUTPUT_BYTES_MAX = 4 * 1024 * 1024;
/** State above this is fetched by the SDK instead of being sent (sdk-protocol.md 6.6). */
export const INLINE_STATE_BYTES_MAX = 4 * 1024 * 1024 - 1024;
/** Longest sleep or wait. */
export const WAIT_MS_MAX = 366 * 86_400_000;
/** How long an event ID or idempotency key blocks another run of the function. */
export const IDEMPOTENCY_MS = 86_400_000;
