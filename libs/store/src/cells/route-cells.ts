import { cellOfRun } from '@perdure/domain';
import { runIdOfJob } from '../operations/keys.ts';
import type {
  DutyStore,
  FunctionControl,
  LeaseStore,
  PauseStore,
  RunStore,
  Store,
  StoreCounts,
  StoreInspection,
} from '../store.ts';

/**
 * All cells behind one port: what names a run, a job or a pause goes to the run's cell, what concerns a function or an
 * account to every cell. What is done cell by cell (claims, the outbox, upkeep) is done through `cells`.
 */
export interface StoreCells
  extends RunStore, LeaseStore, PauseStore, FunctionControl, Pick<StoreInspection, 'findRunJobs' | 'findJob'> {
  /** By number; at least one. */
  readonly cells: readonly Store[];
  cellOf(runId: string): Store;
  /** Where duties live that concern more than one cell. */
  readonly home: DutyStore;
  /** Sums over all cells. */
  counts(): Promise<StoreCounts>;
  /** Of all cells; sentences start with the cell's number where there are several. */
  checkInvariants(): Promise<string[]>;
  durable(): Promise<void>;
  close(): Promise<void>;
}

/** Pauses looked up in one cell before the next one is. */
const CURSOR = /^(\d+):(.*)$/s;

export function routeCells(cells: readonly Store[]): StoreCells {
  return new RoutedCells(cells);
}

class RoutedCells implements StoreCells {
  readonly cells: readonly Store[];
  readonly home: Store;

  constructor(cells: readonly Store[]) {
    const [home] = cells;
    if (home === undefined) throw new RangeError('there must be a cell');
    this.cells = cells;
    this.home = home;
  }

  cellOf(runId: string): Store {
    return this.cells[cellOfRun(runId, this.cells.length)] ?? this.home;
  }

  #cellOfJob(jobId: string): Store {
    return this.cellOf(runIdOfJob(jobId));
  }

  schedule: RunStore['schedule'] = (args) => this.cellOf(args.runId).schedule(args);
  finalize: RunStore['finalize'] = (args) => this.cellOf(args.runId).finalize(args);
  findRun: RunStore['findRun'] = (runId) => this.cellOf(runId).findRun(runId);
  findRunState: RunStore['findRunState'] = (runId) => this.cellOf(runId).findRunState(runId);

  extend: LeaseStore['extend'] = (lease, leaseMs) => this.#cellOfJob(lease.jobId).extend(lease, leaseMs);
  advance: LeaseStore['advance'] = (args) => this.cellOf(args.runId).advance(args);
  checkpoint: LeaseStore['checkpoint'] = (args) => this.cellOf(args.runId).checkpoint(args);
  retry: LeaseStore['retry'] = (args) => this.#cellOfJob(args.lease.jobId).retry(args);

  findRunJobs: StoreInspection['findRunJobs'] = (runId) => this.cellOf(runId).findRunJobs(runId);
  findJob: StoreInspection['findJob'] = (jobId) => this.#cellOfJob(jobId).findJob(jobId);

  findPausePaths: PauseStore['findPausePaths'] = async (envId, event) => {
    const found = await Promise.all(this.cells.map((cell) => cell.findPausePaths(envId, event)));
    return {
      hasPauses: found.some(({ hasPauses }) => hasPauses),
      paths: [...new Set(found.flatMap(({ paths }) => paths))],
    };
  };

  /** Cell after cell; the cursor names the cell that is being read. */
  findPauses: PauseStore['findPauses'] = async ({ cursor: at, ...args }) => {
    const [, number = '0', within = ''] = CURSOR.exec(at ?? '') ?? [];
    let index = Number(number);
    let cursor = within;
    for (;;) {
      const cell = this.cells[index];
      if (cell === undefined) return { pauses: [] };
      const page = await cell.findPauses({ ...args, ...(cursor !== '' && { cursor }) });
      if (page.cursor !== undefined) return { pauses: page.pauses, cursor: `${index}:${page.cursor}` };
      index += 1;
      cursor = '';
      if (index >= this.cells.length) return { pauses: page.pauses };
      if (page.pauses.length > 0) return { pauses: page.pauses, cursor: `${index}:` };
    }
  };

  consumePause: PauseStore['consumePause'] = (args) => this.#cellOfJob(args.pauseId).consumePause(args);

  /** An invoke's correlation starts with the waiting run; a signal's holder is looked for in every cell. */
  resume: PauseStore['resume'] = async (args) => {
    if (args.kind === 'invoke') return this.#cellOfJob(args.correlationId).resume(args);
    const results = await Promise.all(this.cells.map((cell) => cell.resume(args)));
    return results.find(({ kind }) => kind === 'resumed') ?? { kind: 'gone' };
  };

  setFunction: FunctionControl['setFunction'] = (limits) => this.#every((cell) => cell.setFunction(limits));
  setAccountConcurrency: FunctionControl['setAccountConcurrency'] = (accountId, limit) =>
    this.#every((cell) => cell.setAccountConcurrency(accountId, limit));
  setFunctionState: FunctionControl['setFunctionState'] = (functionId, state) =>
    this.#every((cell) => cell.setFunctionState(functionId, state));

  async counts(): Promise<StoreCounts> {
    const all = await Promise.all(this.cells.map((cell) => cell.counts()));
    const sum = (of: keyof StoreCounts): number => all.reduce((total, counts) => total + counts[of], 0);
    return {
      runs: sum('runs'),
      delayed: sum('delayed'),
      ready: sum('ready'),
      leased: sum('leased'),
      parkedLanes: sum('parkedLanes'),
      pauses: sum('pauses'),
      outbox: sum('outbox'),
    };
  }

  async checkInvariants(): Promise<string[]> {
    if (this.cells.length === 1) return this.home.checkInvariants();
    const broken = await Promise.all(this.cells.map((cell) => cell.checkInvariants()));
    return broken.flatMap((sentences, cell) => sentences.map((sentence) => `cell ${cell}: ${sentence}`));
  }

  durable(): Promise<void> {
    return this.#every((cell) => cell.durable());
  }

  close(): Promise<void> {
    return this.#every((cell) => cell.close());
  }

  async #every(act: (cell: Store) => Promise<void>): Promise<void> {
    await Promise.all(this.cells.map(act));
  }
}
