import type { JsonObject, JsonValue } from '@perdure/domain';
import type { ScriptedCall } from '@perdure/testing';

import type { EndEvent } from '../observer.ts';

/** An event that a server has answered with 2xx. */
export interface AcknowledgedEvent {
  id: string;
  name: string;
}

/** What became of acknowledged events, and which promises were broken; empty lists are the good news. */
export interface AuditReport {
  calls: number;
  /** Runs that have ended. */
  runs: number;
  /** Memos that the step never gave, in words; the first few. */
  inventions: string[];
  /** Memos that were another one before, in words; the first few. */
  changes: string[];
  /** Runs of which more than one finished event, or more than one run started by it, was seen. */
  finishedTwice: string[];
  /** Event and function that more than one run has ended for. */
  ranTwice: string[];
  /** Runs that were called and have not ended. */
  open: string[];
  /** How often runs of a function ended with a status: `audit-two Completed`. */
  endings: Record<string, number>;
}

const FINDINGS_MAX = 20;
const EXAMPLES_MAX = 5;

/**
 * The books of an auditor outside the system, who sees what an application sees and what a sender was answered. They show:
 *
 * 1. nothing acknowledged is lost: each event's runs, one of each function that it triggers, end (`missing`, `ranTwice`);
 * 2. nothing ends twice (`finishedTwice`);
 * 3. a memo is something that the step gave, and the same to every later call (`inventions`, `changes`): an output that came after
 *    its lease was lost never replaces the one that was committed;
 * 4. what was started ends (`open`).
 */
export class Ledger {
  #calls = 0;
  readonly #functionsOf: (eventName: string) => readonly string[];
  /** Outputs that a step has given, by run and step hash: each execution gives another. */
  readonly #given = new Map<string, Set<string>>();
  readonly #waits = new Set<string>();
  /** What the first call that had a memo was told, by run and step hash. */
  readonly #told = new Map<string, string>();
  /** By run: IDs of its finished events, and the runs that these started. */
  readonly #finished = new Map<string, { eventIds: Set<string>; runIds: Set<string> }>();
  /** By event and function: the runs that have ended. */
  readonly #ended = new Map<string, Set<string>>();
  readonly #called = new Set<string>();
  readonly #endings: Record<string, number> = {};
  readonly #inventions: string[] = [];
  readonly #changes: string[] = [];

  /** `functionsOf`: the slugs of the functions that an event of this name triggers. */
  constructor(functionsOf: (eventName: string) => readonly string[]) {
    this.#functionsOf = functionsOf;
  }

  /** A call has come; its memos are checked. */
  noteCall(call: ScriptedCall): void {
    this.#calls += 1;
    this.#called.add(call.runId);
    for (const [hash, memo] of Object.entries(call.steps)) this.#checkMemo(call.runId, hash, memo);
  }

  /** A step was executed and is about to answer this. */
  noteOutput(runId: string, hash: string, output: JsonValue): void {
    const key = `${runId}/${hash}`;
    this.#given.set(key, (this.#given.get(key) ?? new Set()).add(JSON.stringify({ data: output })));
  }

  /** A step waits for what comes from elsewhere: its memo is whatever that is, but always the same. */
  noteWait(runId: string, hash: string): void {
    this.#waits.add(`${runId}/${hash}`);
  }

  /** How often a step was executed. */
  executionsOf(runId: string, hash: string): number {
    return this.#given.get(`${runId}/${hash}`)?.size ?? 0;
  }

  /** A finished event has come, with the run that it has started. Of audited functions the output is what they were told. */
  noteFinished(event: EndEvent, startedRunId: string): void {
    const { run_id: runId, function_id: functionId, result, _inngest } = event.data;
    const seen = this.#finished.get(runId) ?? { eventIds: new Set(), runIds: new Set() };
    if (seen.eventIds.size === 0) {
      const ending = `${functionId} ${_inngest.status}`;
      this.#endings[ending] = (this.#endings[ending] ?? 0) + 1;
    }
    seen.eventIds.add(event.id);
    seen.runIds.add(startedRunId);
    this.#finished.set(runId, seen);
    const key = `${event.data.event['id'] as string}/${functionId}`;
    this.#ended.set(key, (this.#ended.get(key) ?? new Set()).add(runId));
    const memos = (result as { memos?: JsonObject } | null | undefined)?.memos ?? {};
    for (const [hash, memo] of Object.entries(memos)) this.#checkMemo(runId, hash, memo);
  }

  /** Which of these have a function without an ended run? */
  missing(events: readonly AcknowledgedEvent[]): { count: number; examples: string[] } {
    const missing = events.flatMap(({ id, name }) =>
      this.#functionsOf(name)
        .map((slug) => `${id}/${slug}`)
        .filter((key) => !this.#ended.has(key)),
    );
    return { count: missing.length, examples: missing.slice(0, EXAMPLES_MAX) };
  }

  report(): AuditReport {
    return {
      calls: this.#calls,
      runs: this.#finished.size,
      inventions: this.#inventions,
      changes: this.#changes,
      finishedTwice: keysWhere(this.#finished, (seen) => seen.eventIds.size > 1 || seen.runIds.size > 1),
      ranTwice: keysWhere(this.#ended, (runs) => runs.size > 1),
      open: [...this.#called].filter((runId) => !this.#finished.has(runId)).slice(0, EXAMPLES_MAX),
      endings: this.#endings,
    };
  }

  /** Null is the memo of a sleep. */
  #checkMemo(runId: string, hash: string, memo: JsonValue): void {
    const key = `${runId}/${hash}`;
    const isWait = this.#waits.has(key);
    if (memo === null && !isWait) return;
    const text = JSON.stringify(memo);
    if (!isWait && this.#given.get(key)?.has(text) !== true) {
      keep(this.#inventions, `${key}: the memo ${text} is nothing that the step gave`);
    }
    const before = this.#told.get(key);
    if (before === undefined) this.#told.set(key, text);
    else if (before !== text) keep(this.#changes, `${key}: the memo was ${before} and is now ${text}`);
  }
}

function keep(findings: string[], text: string): void {
  if (findings.length < FINDINGS_MAX) findings.push(text);
}

function keysWhere<T>(map: Map<string, T>, is: (value: T) => boolean): string[] {
  return [...map].filter(([, value]) => is(value)).map(([key]) => key);
}
