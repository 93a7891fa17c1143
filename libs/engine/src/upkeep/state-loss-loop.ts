import type { RunHistory } from '@perdure/history';
import { recordsMessage } from '../history/record-messages.ts';
import { BackgroundLoop } from '../loop/background-loop.ts';
import type { Ports } from '../ports.ts';

/** How often history is compared with the store. */
const PERIOD_MS = 5 * 60_000;
/** Younger runs may be on their way to the one or the other. */
const AGE_MIN_MS = 2 * 60_000;
/** A run that history has as unfinished and the store does not have for this long is lost. */
const GRACE_MS = 10 * 60_000;
const RUNS_MAX = 500;
/** With more than this on the way to history, ends may be missing there that are not lost. */
const ON_THE_WAY_MAX = 10_000;

/**
 * Finds runs that history believes to be live and the store has lost, and ends them as Failed, so that none is shown as
 * running for ever (execution.md 7.2, reconciliation 2).
 */
export class StateLossLoop {
  private readonly ports: Ports;
  private readonly loop: BackgroundLoop;
  /** Runs that were missing, since when. */
  private missing = new Map<string, number>();

  constructor(ports: Ports) {
    this.ports = ports;
    this.loop = new BackgroundLoop({ name: 'find lost runs', log: ports.log, pass: () => this.pass() });
  }

  start(): void {
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  private async pass(): Promise<number> {
    const { history, clock, stream } = this.ports;
    const now = clock.now();
    const missing = new Map<string, number>();
    const lost: RunHistory[] = [];
    let cursor: string | undefined;
    do {
      const page = await history.listUnfinishedRuns({
        olderThan: now - AGE_MIN_MS,
        runsMax: RUNS_MAX,
        ...(cursor !== undefined && { cursor }),
      });
      for (const run of await this.withoutState(page.runs)) {
        const since = this.missing.get(run.runId) ?? now;
        missing.set(run.runId, since);
        if (now - since >= GRACE_MS) lost.push(run);
      }
      cursor = page.cursor;
    } while (cursor !== undefined);
    this.missing = missing;
    // Their ends may still be on the way to history: then they are not lost but late.
    if (lost.length > 0 && (await this.isHistoryCurrent())) {
      await stream.append([recordsMessage(`lost:${now}`, { runs: lost.map((run) => this.asLost(run, now)) })]);
    }
    return PERIOD_MS;
  }

  private async withoutState(runs: RunHistory[]): Promise<RunHistory[]> {
    const live = await Promise.all(runs.map(({ runId }) => this.ports.store.findRun(runId)));
    return runs.filter((_run, i) => live[i] === undefined);
  }

  private async isHistoryCurrent(): Promise<boolean> {
    const { store, stream } = this.ports;
    const [counts, lag] = await Promise.all([store.counts(), stream.lag('recorder')]);
    return counts.outbox + lag <= ON_THE_WAY_MAX;
  }

  private asLost(run: RunHistory, now: number): RunHistory {
    this.ports.log.error('the state of a run is lost; the run is ended', {
      runId: run.runId,
      functionId: run.functionId,
    });
    const message = 'The state of this run was lost by the store.';
    return {
      ...run,
      status: 'Failed',
      endedAt: now,
      output: JSON.stringify({ name: 'StateLost', message }),
      reason: 'state-lost',
    };
  }
}
