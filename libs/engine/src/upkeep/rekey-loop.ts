import type { JsonObject } from '@perdure/domain';
import type { RunsPage, Store } from '@perdure/store';
import { constraintKeys, keysIdOf } from '../function/constraint-keys.ts';
import { BackgroundLoop } from '../loop/background-loop.ts';
import type { Ports } from '../ports.ts';
import { idlePace, paceBySize } from './pace.ts';
import { storeOfCell } from './store-of-cell.ts';

/** How often it is looked when nothing has changed: for runs that a slow process scheduled under old keys. */
const LOOK_MS = 60_000;
/** After functions changed their limits reach the store within this time, from whatever process: it is looked more often. */
const EAGER_MS = 10_000;
const EAGER_LOOK_MS = 500;
const EAGER_LOOK_MS_PER_CELL = 10;
/** Live runs looked at by one operation, with their events. */
const RUNS_MAX = 100;
/** Of the time between the beginnings of two pages the work on one may take this share: the rest is left to claims. */
const SHARE = 0.25;
const PAGE_PAUSE_MIN_MS = 10;

type Rekey = Awaited<ReturnType<Store['findRekeys']>>[number];

/**
 * Moves the runs of one cell under the key expressions that their functions have now (execution.md 3.4.5, O21), a page at a time.
 *
 * Modes: resting (a look a minute, one operation that answers "nothing") -> (functions changed) eager, for some seconds ->
 * (runs found under other keys) paging, until there are none.
 *
 * The store keeps which functions are to be gone through and how far that is: whatever process has the duty goes on from there,
 * and a page that is done twice changes nothing. Keys are evaluated as they were when the run was scheduled: on its events and
 * at that time. A page that was made with expressions that are not the store's any more is refused by it.
 */
export class RekeyLoop {
  private readonly ports: Ports;
  private readonly cell: number;
  private readonly loop: BackgroundLoop;
  private eagerUntil = 0;
  private unsubscribe: (() => void) | undefined;

  constructor(ports: Ports, cell: number) {
    this.ports = ports;
    this.cell = cell;
    this.loop = new BackgroundLoop({ name: `re-key runs of cell ${cell}`, log: ports.log, pass: () => this.pass() });
  }

  start(): void {
    this.unsubscribe = this.ports.catalog.onChange(() => {
      this.eagerUntil = this.ports.clock.now() + EAGER_MS;
      this.loop.nudge();
    });
    this.loop.start();
  }

  async stop(): Promise<void> {
    this.unsubscribe?.();
    await this.loop.stop();
  }

  private get store(): Store {
    return storeOfCell(this.ports, this.cell);
  }

  /** One page of each function that is to be gone through. */
  private async pass(): Promise<number> {
    const startedAt = performance.now();
    const rekeys = await this.store.findRekeys();
    let isMoving = false;
    for (const rekey of rekeys) isMoving = (await this.rekeyPage(rekey)) || isMoving;
    if (isMoving) return Math.max(PAGE_PAUSE_MIN_MS, (performance.now() - startedAt) * (1 / SHARE - 1));
    const isEager = rekeys.length > 0 || this.ports.clock.now() < this.eagerUntil;
    const cells = this.ports.store.cells.length;
    return isEager ? paceBySize(EAGER_LOOK_MS, cells, EAGER_LOOK_MS_PER_CELL) : idlePace(LOOK_MS, cells);
  }

  /** False when this process and the store do not have the same expressions yet: one of them is about to get the newer ones. */
  private async rekeyPage({ functionId, keysId, after: from }: Rekey): Promise<boolean> {
    const { catalog, log, bus } = this.ports;
    const { cell } = this;
    let fn = await catalog.findFunction(functionId);
    if (fn && keysIdOf(fn) !== keysId) {
      await catalog.reload();
      fn = catalog.index.findById(functionId);
    }
    if (fn === undefined || keysIdOf(fn) !== keysId) {
      log.debug('runs cannot be re-keyed yet', { cell, functionId, isKnown: fn !== undefined });
      return false;
    }
    const page = await this.store.listRuns({ functionId, after: from, runsMax: RUNS_MAX, withEvents: true });
    const runs = page.runs.map((run) => ({
      runId: run.runId,
      keys: constraintKeys(fn, eventOf(run), run.scheduledAt),
    }));
    const result = await this.store.rekey({ functionId, keysId, from, after: page.after, isLast: page.isLast, runs });
    log.debug('runs were re-keyed', { cell, functionId, runs: runs.length, result, isLast: page.isLast });
    // What waited under its old keys may be ready under the new ones.
    if (runs.length > 0) bus.publish('jobs-ready', { cell });
    return true;
  }
}

function eventOf({ events }: RunsPage['runs'][number]): JsonObject {
  const [event = {}] = JSON.parse(events) as JsonObject[];
  return event;
}
