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
import { SignalRoutes } from './route-signals.ts';

/**
 * All cells behind one port: what names a run, a job or a pause goes to the run's cell, what concerns a function or an
 * account to every cell. What is done cell by cell (claims, the outbox, upkeep) is done through `cells`.
 */
export interface StoreCells
  extends
    RunStore,
    LeaseStore,
    PauseStore,
    FunctionControl,
    Pick<StoreInspection, 'explainRun' | 'findRunJobs' | 'findJob'> {
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

export function routeCells(cells: readonly Store[]): StoreCells {
  return new RoutedCells(cells);
}

class RoutedCells implements StoreCells {
  readonly cells: readonly Store[];
  readonly home: Store;
  readonly #signals: SignalRoutes;

  constructor(cells: readonly Store[]) {
    this.cells = cells;
    this.home = this.#cellAt(0);
    this.#signals = new SignalRoutes(cells, (pauseId) => this.#cellOfJob(pauseId));
  }

  cellOf(runId: string): Store {
    return this.#cellAt(cellOfRun(runId, this.cells.length));
  }

  #cellAt(number: number): Store {
    const cell = this.cells[number];
    if (cell === undefined) throw new RangeError(`there is no cell ${number} of ${this.cells.length}`);
    return cell;
  }

  #cellOfJob(jobId: string): Store {
    return this.cellOf(runIdOfJob(jobId));
  }

  schedule: RunStore['schedule'] = (args) => this.cellOf(args.runId).schedule(args);
  finalize: RunStore['finalize'] = (args) => this.cellOf(args.runId).finalize(args);
  findRun: RunStore['findRun'] = (runId) => this.cellOf(runId).findRun(runId);
  findRunState: RunStore['findRunState'] = (runId) => this.cellOf(runId).findRunState(runId);

  extend: LeaseStore['extend'] = (lease, leaseMs) => this.#cellOfJob(lease.jobId).extend(lease, leaseMs);
  advance: LeaseStore['advance'] = async (args) => {
    const cell = this.cellOf(args.runId);
    const waitsForSignal = this.cells.length > 1 && args.plans.some(({ kind }) => kind === 'signal');
    return cell.advance(waitsForSignal ? await this.#signals.reserve(args, cell) : args);
  };
  checkpoint: LeaseStore['checkpoint'] = (args) => this.cellOf(args.runId).checkpoint(args);
  defer: LeaseStore['defer'] = (args) => this.cellOf(args.runId).defer(args);
  retry: LeaseStore['retry'] = (args) => this.#cellOfJob(args.lease.jobId).retry(args);

  explainRun: StoreInspection['explainRun'] = (runId) => this.cellOf(runId).explainRun(runId);
  findRunJobs: StoreInspection['findRunJobs'] = (runId) => this.cellOf(runId).findRunJobs(runId);
  findJob: StoreInspection['findJob'] = (jobId) => this.#cellOfJob(jobId).findJob(jobId);

  findPausePaths: PauseStore['findPausePaths'] = async (envId, event) => {
    const found = await Promise.all(this.cells.map((cell) => cell.findPausePaths(envId, event)));
    return {
      hasPauses: found.some(({ hasPauses }) => hasPauses),
      paths: [...new Set(found.flatMap(({ paths }) => paths))],
    };
  };

  /** The cells that have more share the page; the cursor names them. */
  findPauses: PauseStore['findPauses'] = async ({ cursor, ...args }) => {
    const open = cursor === undefined ? this.cells.map((_, cell) => ({ cell })) : parseCursor(cursor);
    const pausesMax = Math.max(1, Math.floor(args.pausesMax / open.length));
    const pages = await Promise.all(
      open.map(async ({ cell, ...within }) => {
        const page = await this.#cellAt(cell).findPauses({ ...args, pausesMax, ...within });
        return { cell, ...page };
      }),
    );
    const pauses = pages.flatMap((page) => page.pauses);
    const next = printCursor(pages);
    return next === '' ? { pauses } : { pauses, cursor: next };
  };

  consumePause: PauseStore['consumePause'] = (args) => this.#cellOfJob(args.pauseId).consumePause(args);

  /** An invoke's correlation starts with the waiting run. */
  resume: PauseStore['resume'] = (args) => {
    if (args.kind === 'invoke') return this.#cellOfJob(args.correlationId).resume(args);
    return this.cells.length === 1 ? this.home.resume(args) : this.#signals.resume(args);
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
      buffers: sum('buffers'),
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

/** `<cell>:<its cursor>` of each cell that has more. */
function printCursor(pages: readonly { cell: number; cursor?: string }[]): string {
  return pages
    .filter((page) => page.cursor !== undefined)
    .map((page) => `${page.cell}:${page.cursor}`)
    .join(' ');
}

function parseCursor(cursor: string): { cell: number; cursor: string }[] {
  return cursor.split(' ').map((part) => {
    const [cell, ...within] = part.split(':');
    return { cell: Number(cell), cursor: within.join(':') };
  });
}
