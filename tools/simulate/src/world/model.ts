import type { FunctionLimits } from '@perdure/store';

/** A step of a run. Its calls take `callMs`, one of them the discovery that finds it. */
export type Step =
  | { kind: 'call' }
  | { kind: 'sleep'; sleepMs: number }
  /** So many steps beside one another, each planned first. */
  | { kind: 'parallel'; width: number };

/** A function as the simulation has it: the limits that hold now, and how its application behaves. */
export interface SimulatedFunction {
  limits: FunctionLimits;
  isPaused: boolean;
  /** Mean time that one call takes. */
  callMs: number;
  /** Of the calls, these fail and are repeated. */
  failureRate: number;
}

/** What a run is asked to be. */
export interface NewRun {
  fn: SimulatedFunction;
  /** Under which fairness is measured: an account, or a key. */
  tenant: string;
  /** Under which waiting times are reported. */
  group: string;
  steps: readonly Step[];
  keys?: { throttle?: string; keyed?: string[]; run?: string };
  priority?: number;
  delayMs?: number;
  singleton?: { key: string; mode: 'skip' | 'cancel' };
  rateLimit?: { bucket: string; limit: number; periodMs: number };
}

/** A live run, as the simulation knows it without asking the store. */
export interface LiveRun extends NewRun {
  runId: string;
  /** Steps that are done. */
  done: number;
  /** Outputs that are stored, more than one of a parallel step. */
  saved: number;
  /** Of the parallel step that is under way: those that are not done. */
  open: Set<string>;
  /** Jobs that somebody has. */
  held: Set<string>;
  hasStarted: boolean;
  isLive: boolean;
  /** Since when each of its ready jobs waits, the earliest first. */
  readySince: number[];
}

/** A job that an executor has. */
export interface HeldJob {
  run: LiveRun;
  jobId: string;
  token: string;
  target: string;
  /** Its answer was committed; who has it has not heard of it yet. */
  isCommitted: boolean;
}
