import type { EnvId, EpochMs, FunctionId } from '@perdure/domain';

/** A sweep cancels runs, or runs them again. */
export type SweepKind = 'cancellation' | 'replay';

/** Something that is done to many runs of one function, bit by bit. */
export interface Sweep {
  /** ULID. */
  id: string;
  envId: EnvId;
  kind: SweepKind;
  functionId: FunctionId;
  /** JSON: which runs, and what with them. */
  spec: string;
  /** `done`: all runs were gone through; `stopped`: somebody ended it before. */
  state: 'open' | 'done' | 'stopped';
  /** How far it has come; absent before the first bit. */
  cursor?: string;
  /** Runs that it was about, those of them that were cancelled or run again, and those that could not be. */
  seen: number;
  done: number;
  failed: number;
  createdAt: EpochMs;
  endedAt?: EpochMs;
}

/** Sweeps, kept so that they go on after a restart. */
export interface Sweeps {
  /** Repeating it with the same ID changes nothing. */
  addSweep(sweep: Pick<Sweep, 'id' | 'envId' | 'kind' | 'functionId' | 'spec' | 'createdAt'>): Promise<void>;
  findSweep(id: string): Promise<Sweep | undefined>;
  /** Newest first. */
  listSweeps(query: { envId: EnvId; kind: SweepKind; sweepsMax: number }): Promise<Sweep[]>;
  /** Those that are open, oldest first. */
  listOpenSweeps(sweepsMax: number): Promise<Sweep[]>;
  /**
   * Moves an open sweep on from where it was: counts are added, `endedAt` ends it as done. False, with nothing changed, when it
   * is somewhere else by now or open no more: so of two processes one counts.
   */
  moveSweep(move: {
    id: string;
    from: string | undefined;
    to: string;
    seen: number;
    done: number;
    failed: number;
    endedAt?: EpochMs;
  }): Promise<boolean>;
  /** Ends an open sweep. False when it was not open. */
  stopSweep(id: string, at: EpochMs): Promise<boolean>;
}
