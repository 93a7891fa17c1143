import { assert, type FunctionId, type JsonObject } from '@perdure/domain';
import type {
  AdvanceArgs,
  AdvanceResult,
  ClaimResult,
  FinalizeArgs,
  OutboxEntry,
  ScheduleArgs,
  ScheduleResult,
  Store,
} from '@perdure/store';
import { stepHash } from '@perdure/testing';
import { mayArrive } from './graph-model.ts';
import { type Graph, type Step, stepsOf } from './step-graph.ts';
import { textOf } from './text-of.ts';

/** A run as it was scheduled. */
export interface PlayedRun {
  runId: string;
  graph: Graph;
  label: string;
  correlationId?: string;
}

export type RunEnded = Extract<OutboxEntry, { kind: 'run-ended' }>;

/** Something from outside that a waiting step is owed. */
export interface Owed {
  label: string;
  step: Step;
  isUnderWay: boolean;
}

/** Sees what each operation on the store came to, whoever hears of it. */
export class Witness {
  readonly runs = new Map<string, PlayedRun>();
  readonly ended = new Map<string, RunEnded>();
  readonly #graphOf: (functionId: FunctionId) => Graph | undefined;
  readonly #owed = new Map<string, Owed>();
  /** What was ever owed. */
  readonly #promised = new Set<string>();
  /** Runs that have ended, as far as anybody knows. */
  readonly #gone = new Set<string>();

  constructor(graphOf: (functionId: FunctionId) => Graph | undefined) {
    this.#graphOf = graphOf;
  }

  /** What nobody is about to pay. */
  get owed(): Owed[] {
    return [...this.#owed.values()].filter(({ isUnderWay }) => !isUnderWay);
  }

  notePaid({ label, step }: Owed): void {
    this.#owed.delete(`${label} ${step.id}`);
  }

  async watch(cell: Store, name: keyof Store, args: unknown[]): Promise<unknown> {
    const gone = new Set(this.#gone);
    const result: unknown = await (cell[name] as (...args: unknown[]) => Promise<unknown>).apply(cell, args);
    switch (name) {
      case 'schedule':
        this.#noteScheduled(args[0] as ScheduleArgs, result as ScheduleResult);
        break;
      case 'claim':
        for (const { run } of (result as ClaimResult).jobs) {
          assert(!gone.has(run.runId), 'nothing of a run is claimed after its end');
        }
        break;
      case 'advance':
        this.#noteAdvanced(args[0] as AdvanceArgs, result as AdvanceResult);
        break;
      case 'finalize':
        if (result === 'finalized') this.#gone.add((args[0] as FinalizeArgs).runId);
        break;
      case 'readOutbox':
        for (const entry of result as OutboxEntry[]) this.#noteOutbox(entry);
        break;
      default:
    }
    return result;
  }

  #noteScheduled({ runId, functionId, events, correlationId }: ScheduleArgs, result: ScheduleResult): void {
    if (result.kind !== 'created') return;
    const graph = this.#graphOf(functionId);
    assert(graph !== undefined, 'runs are of functions that are known');
    const [event] = JSON.parse(events) as { data: JsonObject }[];
    const label = textOf(event?.data['label']);
    this.runs.set(runId, { runId, graph, label, ...(correlationId !== undefined && { correlationId }) });
  }

  /** From here on a step waits: what it waits for may come. */
  #noteAdvanced({ runId, plans }: AdvanceArgs, result: AdvanceResult): void {
    const run = this.runs.get(runId);
    if (result.kind !== 'advanced' || run === undefined) return;
    const waiting = new Set(plans.filter(({ kind }) => kind === 'wait' || kind === 'signal').map(({ hash }) => hash));
    for (const step of stepsOf(run.graph.root)) {
      const key = `${run.label} ${step.id}`;
      if (!waiting.has(stepHash(step.id)) || !('ends' in step) || !mayArrive(step.ends)) continue;
      if (this.#promised.has(key)) continue;
      this.#promised.add(key);
      this.#owed.set(key, { label: run.label, step, isUnderWay: false });
    }
  }

  #noteOutbox(entry: OutboxEntry): void {
    if (entry.kind !== 'run-ended') return;
    const { runId } = entry.run;
    const known = this.ended.get(runId);
    assert(known === undefined || known.seq === entry.seq, 'a run ends once');
    this.ended.set(runId, entry);
    this.#gone.add(runId);
  }
}
