import type { BackoffPolicy, Clock, Ids } from '@perdure/domain';
import type { Bus } from '@perdure/bus';
import type { EventStream } from '@perdure/event-stream';
import type { History, Registry, Sweeps } from '@perdure/history';
import type { Egress, Invoker } from '@perdure/invoker';
import type { StoreCells } from '@perdure/store';
import type { Logger, Telemetry } from '@perdure/telemetry';
import type { FunctionCatalog } from './function/function-catalog.ts';

/** All that use cases act through. Opened once a process by boot, shared by its roles. */
export interface Ports {
  clock: Clock;
  ids: Ids;
  stream: EventStream;
  store: StoreCells;
  history: History;
  registry: Registry;
  sweeps: Sweeps;
  invoker: Invoker;
  egress: Egress;
  bus: Bus;
  log: Logger;
  telemetry: Telemetry;
  /** The registered functions, cached in this process. */
  catalog: FunctionCatalog;
  settings: EngineSettings;
}

/** What the operator chose. */
export interface EngineSettings {
  /** Told to SDKs in `X-Inngest-Server-Kind`. */
  serverKind: 'dev' | 'cloud';
  /** The first signs; any of them is accepted. Empty: nothing is signed or checked. */
  signingKeys: string[];
  /** Empty: any event key is accepted. */
  eventKeys: string[];
  eventBytesMax: number;
  stepsMax: number;
  stateBytesMax: number;
  /** Calls in progress of one executor. */
  executorConcurrency: number;
  leaseMs: number;
  /** A call that takes longer fails the attempt. */
  callTimeoutMs: number;
  backoff: BackoffPolicy;
  /** Time for calls in flight to finish when a process is asked to stop. */
  drainMs: number;
  /** How long history is kept. */
  retentionMs: number;
}

export const LEASE_MS = 30_000;
export const CALL_TIMEOUT_MS = 2 * 3_600_000 + 5_000;
