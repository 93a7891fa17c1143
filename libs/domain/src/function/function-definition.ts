import type { AccountId, AppId, EnvId, FunctionId, FunctionSlug } from '../ids/ids.ts';

export type Trigger =
  | { kind: 'event'; event: string; expression?: string }
  | { kind: 'cron'; cron: string; jitterMs?: number };

export type ConcurrencyScope = 'fn' | 'env' | 'account';

/** A cap on requests in progress (`step`) or on runs from first start to end (`run`) (execution.md 4.1). */
export interface ConcurrencyLimit {
  limit: number;
  scope: ConcurrencyScope;
  /** Expression over the trigger event; each value is a bucket of its own. */
  key?: string;
}

/** All that can hold back, drop, merge or reorder runs of a function (execution.md 4). Durations in milliseconds. */
export interface FlowControl {
  /** Step-level limits, at most two, ascending by limit. */
  concurrency: ConcurrencyLimit[];
  runConcurrency?: { limit: number; key?: string };
  throttle?: { limit: number; burst: number; periodMs: number; key?: string };
  rateLimit?: { limit: number; periodMs: number; key?: string };
  debounce?: { periodMs: number; timeoutMs?: number; key?: string };
  batch?: { sizeMax: number; timeoutMs: number; key?: string; if?: string };
  priority?: string;
  singleton?: { mode: 'skip' | 'cancel'; key?: string };
  idempotency?: string;
  timeouts: { startMs?: number; finishMs?: number };
  /** `timeout` is a duration or an instant as the SDK sent it. */
  cancelOn: { event: string; if?: string; timeout?: string }[];
}

/** The durable code a user wrote, as registered: immutable for one `version`. */
export interface FunctionDefinition {
  id: FunctionId;
  slug: FunctionSlug;
  name: string;
  accountId: AccountId;
  envId: EnvId;
  appId: AppId;
  appName: string;
  /** Counted from 1; grows when the stored configuration differs. */
  version: number;
  triggers: Trigger[];
  /** Where calls go, without `stepId`. The scheme chooses the transport. */
  url: string;
  /** Retries after the first attempt, 0 to 20. */
  retries: number;
  flow: FlowControl;
}

export const RETRIES_DEFAULT = 4;
export const RETRIES_MAX = 20;
export const TRIGGERS_MAX = 10;
export const CANCEL_ON_MAX = 5;
export const CONCURRENCY_LIMITS_MAX = 2;
