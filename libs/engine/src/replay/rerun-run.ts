import { type FunctionDefinition, type JsonValue, type RunId, runIdInCell, type SkipReason } from '@perdure/domain';
import type { RunHistory } from '@perdure/history';
import { canonicalJson, type StoredEvent, toDeliveredEvent } from '@perdure/protocol';
import type { ScheduleArgs } from '@perdure/store';
import { hintOfCell } from '../hints/cell-hints.ts';
import type { Ports } from '../ports.ts';
import { findRun } from '../run/find-run.ts';
import { hash } from '../function/hash.ts';
import { planRun } from '../run/plan-run.ts';
import { parseRunMeta, runMeta } from '../run/run-meta.ts';
import { type KeptMemo, parseMemos } from './kept-memos.ts';
import { findStep } from './find-step.ts';

export interface RerunOptions {
  /** Go on from this step: those before it keep what they came to. */
  fromStep?: {
    /** The step's name, or its hash. */
    step: string;
    /** What it is called with instead of its own arguments. */
    input?: JsonValue[];
  };
  /** What a repeat is recognised by, for a day. Default: none, each call starts a run. */
  dedupKey?: string;
}

export type RerunResult =
  /** Also the answer to a repeat with the same dedup key: then of the run that there is. */
  | { kind: 'scheduled'; runId: RunId }
  | { kind: 'skipped'; reason: SkipReason }
  | { kind: 'unknown-run' }
  /** The function is registered no more. */
  | { kind: 'function-missing' }
  /** History has none, or not yet, of the run. */
  | { kind: 'events-missing' }
  | { kind: 'memos-missing' }
  | { kind: 'step-unknown' }
  | { kind: 'step-ambiguous' };

/**
 * Starts a new run of the function as it is now, with the events of an earlier run (execution.md 5.13). Limits that would drop or
 * end runs do not count for it: rate limit, debounce, batching, idempotency, singleton (http-api.md 3.9); those that order
 * and delay do. The earlier run stays as it is.
 */
export async function rerunRun(ports: Ports, runId: RunId, options: RerunOptions = {}): Promise<RerunResult> {
  const original = await findRun(ports, runId);
  if (original === undefined) return { kind: 'unknown-run' };
  const fn = ports.catalog.index.findByName(original.functionId);
  if (fn === undefined) return { kind: 'function-missing' };
  const events = await findEvents(ports, original);
  if (events === undefined) return { kind: 'events-missing' };
  const beginning = await beginningOf(ports, runId, options);
  if (beginning.kind !== 'steps') return beginning;
  const args = planRerun(ports, { fn, original, events, beginning, dedupKey: options.dedupKey });
  const result = await ports.store.schedule(args);
  switch (result.kind) {
    case 'created':
      await ports.store.cellOf(args.runId).durable();
      hintOfCell(ports, 'jobs-ready', args.runId);
      hintOfCell(ports, 'outbox-filled', args.runId);
      ports.log.info('a run is run again', { runId: args.runId, originalRunId: runId, functionId: fn.id });
      return { kind: 'scheduled', runId: args.runId };
    case 'exists':
    case 'duplicate':
      return { kind: 'scheduled', runId: result.runId };
    case 'skipped':
      return { kind: 'skipped', reason: result.reason };
    case 'rate-limited':
    case 'buffered':
      throw new Error('a run that is run again has no rate limit and no buffer');
  }
}

type Beginning =
  | { kind: 'steps'; steps: KeptMemo[]; input?: { hash: string; args: JsonValue[] } }
  | Extract<RerunResult, { kind: 'memos-missing' | 'step-unknown' | 'step-ambiguous' }>;

/** The steps that are done from the start. */
async function beginningOf(ports: Ports, runId: RunId, { fromStep }: RerunOptions): Promise<Beginning> {
  if (fromStep === undefined) return { kind: 'steps', steps: [] };
  const memos = await findMemos(ports, runId);
  if (memos === undefined) return { kind: 'memos-missing' };
  const found = findStep(memos, fromStep.step);
  if (found.kind !== 'step') return found;
  const step = memos[found.index];
  const steps = memos.slice(0, found.index);
  if (fromStep.input === undefined || step === undefined) return { kind: 'steps', steps };
  return { kind: 'steps', steps, input: { hash: step.hash, args: fromStep.input } };
}

/** What the run's steps came to: of the store while it is live, of history afterwards. */
async function findMemos({ store, history }: Ports, runId: RunId): Promise<KeptMemo[] | undefined> {
  const live = await store.findRunState(runId);
  if (live !== undefined) return live.stack.map((step) => ({ hash: step, memo: live.steps[step] ?? 'null' }));
  const kept = await history.findMemos(runId);
  if (kept !== undefined) return parseMemos(kept);
  return (await history.findRun(runId))?.endedAt === undefined ? undefined : [];
}

async function findEvents({ history }: Ports, { eventIds }: RunHistory): Promise<StoredEvent[] | undefined> {
  const records = await Promise.all(eventIds.map((id) => history.findEvent(id)));
  const events = records.flatMap((record) => (record === undefined ? [] : [record.event]));
  return events.length === eventIds.length && events.length > 0 ? events : undefined;
}

function planRerun(
  { ids, clock, catalog }: Ports,
  {
    fn,
    original,
    events,
    beginning,
    dedupKey,
  }: {
    fn: FunctionDefinition;
    original: RunHistory;
    events: StoredEvent[];
    beginning: Extract<Beginning, { kind: 'steps' }>;
    dedupKey: string | undefined;
  },
): ScheduleArgs {
  const now = clock.now();
  const runId = runIdInCell(ids.ulid(now), catalog.index.cellOf(fn.id));
  const delivered = events.map((event) => toDeliveredEvent(event));
  const [event] = events;
  const [first] = delivered;
  if (event === undefined || first === undefined) throw new RangeError('a run has at least one event');
  const {
    rateLimit: _rateLimit,
    singleton: _singleton,
    idempotencyKey: _idempotencyKey,
    correlationId: _correlationId,
    ...args
  } = planRun({ fn, event, delivered: first, eventsJson: canonicalJson(delivered), runId, now });
  const { batchId, eventIds } = original;
  const meta = { ...parseRunMeta(args.meta), eventIds, originalRunId: original.runId };
  return {
    ...args,
    dedupKey: dedupKey ?? hash('rerun', runId),
    notBefore: now,
    meta: runMeta({
      ...meta,
      ...(batchId !== undefined && { batchId }),
      ...(beginning.input && { input: beginning.input }),
    }),
    ...(beginning.steps.length > 0 && { steps: beginning.steps }),
  };
}
