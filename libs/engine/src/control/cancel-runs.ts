import { type EpochMs, type FunctionDefinition, type JsonObject } from '@perdure/domain';
import { compileExpression, evaluateBoolean, type Expression } from '@perdure/expressions';
import type { Sweep } from '@perdure/history';
import type { RunsPage, Store } from '@perdure/store';
import type { Ports } from '../ports.ts';
import type { SweepBit } from './sweep-loop.ts';

/** Live runs of one cell looked at in one bit. */
const RUNS_MAX = 500;
/** Runs that are on their way into the store while the sweep goes through it are waited for. */
const LATE_MS = 5_000;
/** How often it is looked for them. */
const LATE_LOOK_MS = 500;

/** Which runs of the function are cancelled (http-api.md 2.5). Bounds are of the time of scheduling. */
export interface CancellationSpec {
  startedAfter?: EpochMs;
  startedBefore: EpochMs;
  /** CEL over `event`, the run's first one. */
  if?: string;
}

/** Begins to cancel the runs of a function; the progress is told by `ports.sweeps`. */
export async function addCancellation(ports: Ports, fn: FunctionDefinition, spec: CancellationSpec): Promise<Sweep> {
  const now = ports.clock.now();
  const added = {
    id: ports.ids.ulid(now),
    envId: fn.envId,
    kind: 'cancellation' as const,
    functionId: fn.id,
    spec: JSON.stringify(spec),
    createdAt: now,
  };
  await ports.sweeps.addSweep(added);
  ports.log.info('a bulk cancellation was asked for', { sweepId: added.id, functionId: fn.id, ...spec });
  return { ...added, state: 'open', seen: 0, done: 0, failed: 0 };
}

/** What is wrong with an expression over `event`; undefined when nothing is. */
export function checkEventExpression(text: string): string | undefined {
  const compiled = compileExpression(text, { variables: ['event'] });
  return compiled.ok ? undefined : compiled.message;
}

/**
 * Cancels a page of the function's live runs in every cell. A run that has ended meanwhile is left alone, so a bit that is
 * done twice changes nothing more; the count may then be too low.
 */
export async function cancelRuns(ports: Ports, sweep: Sweep): Promise<SweepBit> {
  const spec = JSON.parse(sweep.spec) as CancellationSpec;
  const { cells } = ports.store;
  const before = sweep.cursor === undefined ? cells.map(() => 0) : (JSON.parse(sweep.cursor) as number[]);
  const pages = await Promise.all(
    cells.map((cell, i) => cancelPage(ports, { sweep, spec, cell, after: before[i] ?? 0 })),
  );
  const isThrough = pages.every(({ isLast }) => isLast);
  const isLate = ports.clock.now() >= Math.max(spec.startedBefore, sweep.createdAt) + LATE_MS;
  cells.forEach((_cell, cell) => {
    if ((pages[cell]?.done ?? 0) === 0) return;
    ports.bus.publish('outbox-filled', { cell });
    ports.bus.publish('jobs-ready', { cell });
  });
  const sum = (of: 'seen' | 'done' | 'failed'): number => pages.reduce((total, page) => total + page[of], 0);
  return {
    cursor: JSON.stringify(pages.map(({ after }) => after)),
    seen: sum('seen'),
    done: sum('done'),
    failed: sum('failed'),
    isLast: isThrough && isLate,
    pauseMs: isThrough ? LATE_LOOK_MS : 0,
  };
}

interface Page {
  after: number;
  isLast: boolean;
  seen: number;
  done: number;
  failed: number;
}

async function cancelPage(
  ports: Ports,
  { sweep, spec, cell, after }: { sweep: Sweep; spec: CancellationSpec; cell: Store; after: number },
): Promise<Page> {
  const page = await cell.listRuns({
    functionId: sweep.functionId,
    after,
    runsMax: RUNS_MAX,
    withEvents: spec.if !== undefined,
  });
  const inTime = page.runs.filter(({ scheduledAt }) => isWithin(spec, scheduledAt));
  const choices = chooseRuns(spec, inTime, ports.clock.now());
  const results = await Promise.all(
    choices.chosen.map((runId) => cell.finalize({ runId, status: 'Cancelled', reason: `cancellation:${sweep.id}` })),
  );
  const done = results.filter((result) => result === 'finalized').length;
  if (choices.failed > 0) {
    ports.log.warn('the expression of a bulk cancellation failed for some runs', {
      sweepId: sweep.id,
      runs: choices.failed,
    });
  }
  const seen = choices.chosen.length + choices.failed;
  return { after: page.after, isLast: page.isLast, seen, done, failed: choices.failed };
}

function isWithin({ startedAfter, startedBefore }: CancellationSpec, at: EpochMs): boolean {
  return at < startedBefore && (startedAfter === undefined || at >= startedAfter);
}

function chooseRuns(
  spec: CancellationSpec,
  runs: RunsPage['runs'],
  now: EpochMs,
): { chosen: string[]; failed: number } {
  if (spec.if === undefined) return { chosen: runs.map(({ runId }) => runId), failed: 0 };
  const compiled = compileExpression(spec.if, { variables: ['event'] });
  // Whoever asks for a cancellation is told what does not compile.
  if (!compiled.ok) return { chosen: [], failed: runs.length };
  const fits = runs.map(({ events }) => fitOf(compiled.expression, events, now));
  return {
    chosen: runs.filter((_run, i) => fits[i] === 'true').map(({ runId }) => runId),
    failed: fits.filter((fit) => fit === 'error').length,
  };
}

function fitOf(expression: Expression, events: string, now: EpochMs): 'true' | 'false' | 'error' {
  const [event = {}] = JSON.parse(events) as JsonObject[];
  return evaluateBoolean(expression, { event }, { now }).kind;
}
