/** A string that only a function which knows its meaning may make. */
export type Brand<Name extends string> = string & { readonly __brand?: Name };

export type AccountId = Brand<'AccountId'>;
export type EnvId = Brand<'EnvId'>;
/** UUID, derived from the app's name: the same on every server. */
export type AppId = Brand<'AppId'>;
/** UUID, derived from app and slug: stable across syncs. */
export type FunctionId = Brand<'FunctionId'>;
/** `{appName}-{functionId}` as the SDK names it. */
export type FunctionSlug = Brand<'FunctionSlug'>;
/** ULID given by the server when an event is received. */
export type EventId = Brand<'EventId'>;
/**
 * ULID. Of a run that an event started it is derived from event and function, and its time is that of the event's receipt; of others
 * the time is that of scheduling. Windows of time are about `scheduledAt`, never about the ID.
 */
export type RunId = Brand<'RunId'>;
/** Opaque to the server: the SDK's hash of a step's ID. */
export type StepHash = Brand<'StepHash'>;
/** Deterministic from business facts, so that enqueuing twice is recognised (execution.md 7.3). */
export type JobId = Brand<'JobId'>;
/** Proof of the right to a job: chosen by the claimant, compared on every mutation. */
export type LeaseToken = Brand<'LeaseToken'>;
export type PauseId = Brand<'PauseId'>;

/** One account and one environment until tenancy arrives (http-api.md 0). */
export const DEFAULT_ACCOUNT_ID: AccountId = '00000000-0000-4000-a000-000000000000';
export const DEFAULT_ENV_ID: EnvId = '00000000-0000-4000-b000-000000000000';

/** Where identifiers and randomness come from. Decisions take their results as values. */
export interface Ids {
  /** A ULID whose time is `atMs`; later calls with the same time sort after earlier ones. */
  ulid(atMs: number): string;
  /** 128 random bits, URL-safe. */
  token(): string;
  /** A random UUID (version 4). */
  uuid(): string;
  /** A uniform number in [0, 1). */
  random(): number;
}
