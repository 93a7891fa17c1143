/**
 * The application of the crash test, a process of its own so that it takes no time from the one that sends events. It
 * answers by script and keeps the books: what each step gave, what each call was told about it, which runs have ended.
 */
import type { JsonValue } from '@perdure/domain';
import {
  completed,
  ops,
  startScriptedApp,
  stepHash,
  stepRunOp,
  type ScriptedApp,
  type ScriptedCall,
} from '@perdure/testing';

import type { EndEvent } from './observer.ts';

/** What the test asks. */
export type CrashQuestion =
  | { kind: 'register'; serverUrl: string }
  /** Which of these events have no ended run yet? */
  | { kind: 'missing'; eventIds: string[] }
  | { kind: 'report' };

export interface CrashReport {
  calls: number;
  /** Broken promises, in words; the first few. */
  violations: string[];
  /** Runs of which more than one finished event, or more than one run started by it, was seen. */
  finishedTwice: string[];
  /** Event IDs that more than one run has ended for. */
  ranTwice: string[];
  /** How often runs ended with each status. */
  statuses: Record<string, number>;
}

export type CrashAnswer =
  | { kind: 'registered' }
  | { kind: 'missing'; count: number; examples: string[] }
  | { kind: 'report'; report: CrashReport };

const VIOLATIONS_MAX = 20;

/** Outputs that a step has given, by run and step hash: each execution gives another. */
const given = new Map<string, Set<string>>();
/** What the first call that had a memo was told, by run and step hash. */
const told = new Map<string, string>();
/** By run: IDs of its finished events, and the runs that these started. */
const finished = new Map<string, { eventIds: Set<string>; runIds: Set<string> }>();
/** By event: the runs of it that have ended. */
const endedRuns = new Map<string, Set<string>>();
const statuses: Record<string, number> = {};
const violations: string[] = [];

function violate(text: string): void {
  if (violations.length < VIOLATIONS_MAX) violations.push(text);
}

function answerSteps(call: ScriptedCall, count: number) {
  for (const [hash, memo] of Object.entries(call.steps)) checkMemo(call.runId, hash, JSON.stringify(memo));
  for (let i = 0; i < count; i += 1) {
    const hash = stepHash(`step-${i}`);
    if (hash in call.steps) continue;
    const output = { random: Math.random() };
    const key = `${call.runId}/${hash}`;
    given.set(key, (given.get(key) ?? new Set()).add(JSON.stringify({ data: output })));
    return ops(stepRunOp(`step-${i}`, output));
  }
  return completed(call.steps);
}

function checkMemo(runId: string, hash: string, memo: string): void {
  const key = `${runId}/${hash}`;
  if (given.get(key)?.has(memo) !== true) violate(`${key}: the memo ${memo} is nothing that the step gave`);
  const before = told.get(key);
  if (before === undefined) told.set(key, memo);
  else if (before !== memo) violate(`${key}: the memo was ${before} and is now ${memo}`);
}

function noteFinished(call: ScriptedCall) {
  const event = call.event as EndEvent;
  const { run_id: runId, result, _inngest } = event.data;
  const seen = finished.get(runId) ?? { eventIds: new Set(), runIds: new Set() };
  if (seen.eventIds.size === 0) statuses[_inngest.status] = (statuses[_inngest.status] ?? 0) + 1;
  seen.eventIds.add(event.id);
  seen.runIds.add(call.runId);
  finished.set(runId, seen);
  const eventId = event.data.event['id'] as string;
  endedRuns.set(eventId, (endedRuns.get(eventId) ?? new Set()).add(runId));
  for (const [hash, memo] of Object.entries((result ?? {}) as Record<string, JsonValue>)) {
    checkMemo(runId, hash, JSON.stringify(memo));
  }
  return completed(null);
}

function answer(app: ScriptedApp, question: CrashQuestion): Promise<CrashAnswer> | CrashAnswer {
  switch (question.kind) {
    case 'register':
      return app.register(question.serverUrl).then(() => ({ kind: 'registered' }));
    case 'missing': {
      const missing = question.eventIds.filter((id) => !endedRuns.has(id));
      return { kind: 'missing', count: missing.length, examples: missing.slice(0, 5) };
    }
    case 'report':
      return { kind: 'report', report: report(app) };
    default:
      return question satisfies never;
  }
}

function report(app: ScriptedApp): CrashReport {
  const twice = <T>(map: Map<string, T>, is: (value: T) => boolean) =>
    [...map].filter(([, value]) => is(value)).map(([key]) => key);
  return {
    calls: app.callCount,
    violations,
    finishedTwice: twice(finished, (seen) => seen.eventIds.size > 1 || seen.runIds.size > 1),
    ranTwice: twice(endedRuns, (runs) => runs.size > 1),
    statuses,
  };
}

const app = await startScriptedApp({
  name: 'crash',
  callsKept: 0,
  functions: [
    { id: 'two', script: (call) => answerSteps(call, 2) },
    { id: 'three', script: (call) => answerSteps(call, 3) },
    { id: 'finished', triggers: [{ event: 'inngest/function.finished' }], script: noteFinished },
  ],
});
process.on('message', (question: CrashQuestion) => {
  void Promise.resolve(answer(app, question)).then((reply) => process.send?.(reply));
});
// The test is gone: so is the reason to be here.
process.on('disconnect', () => process.exit());
