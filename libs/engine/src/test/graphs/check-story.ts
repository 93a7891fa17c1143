import { assert, type JsonObject, type JsonValue } from '@perdure/domain';
import { asJsonObject, parseStoredEvent } from '@perdure/protocol';
import { stepHash } from '@perdure/testing';
import { AWAITED, signalOf } from './answer-call.ts';
import { endingsOf, failureOf, isFailing, mayArrive, mayTimeOut } from './graph-model.ts';
import type { Simulation } from './simulation.ts';
import { type Step, stepsOf, type Story } from './step-graph.ts';
import { textOf } from './text-of.ts';
import type { PlayedRun, RunEnded } from './witness.ts';

/** Checks that a story that was played ended as the model has it. Throws what differs. */
export function checkStory(story: Story, played: Simulation): void {
  const { witness, log } = played.platform;
  const runs = [...witness.runs.values()];
  for (const i of story.graphs.keys()) {
    assert(runs.filter(({ label }) => label === `${i}`).length === 1, `graph ${i} has one run`);
  }
  expectSame('runs that ended', [...witness.ended.keys()], [...witness.runs.keys()]);
  expectSame('finished events', finishedRuns(played), [...witness.runs.keys()]);
  expectSame('one run for each invocation', [...new Set(labelsOf(runs))], labelsOf(runs));
  for (const run of runs) checkRun(run, story, played);
  const complaints = log.lines.filter(({ level }) => level === 'warn' || level === 'error');
  assert(complaints.length === 0, `nothing is complained about: ${JSON.stringify(complaints)}`);
}

function finishedRuns({ platform }: Simulation): string[] {
  return platform.stream.events
    .map(({ body }) => parseStoredEvent(body))
    .filter(({ name }) => name === 'inngest/function.finished')
    .map(({ data }) => textOf(data['run_id']));
}

function labelsOf(runs: PlayedRun[]): string[] {
  return runs.map(({ label }) => label);
}

function expectSame(what: string, found: string[], expected: string[]): void {
  const same = found.toSorted().join() === expected.toSorted().join();
  assert(same, `${what}: expected ${expected.toSorted().join()}, found ${found.toSorted().join()}`);
}

// ------------------------------------------------------------------------------------------------------------ a run

function checkRun(run: PlayedRun, story: Story, played: Simulation): void {
  const end = played.platform.witness.ended.get(run.runId);
  assert(end !== undefined, 'the run ended');
  const steps = new Map(stepsOf(run.graph.root).map((step) => [stepHash(step.id), step]));
  const memos = end.memos ?? [];
  const saved = memos.map(({ hash }) => steps.get(hash)?.id ?? hash);
  assert(new Set(saved).size === saved.length, 'a step has one memo');
  const endings = endingsOf(run.graph, story);
  const text = outcomeOf(end);
  const fitting = endings.find(
    (ending) =>
      ending.text === text &&
      (ending.kind === 'returned') === (end.status === 'Completed') &&
      [...ending.must].every((id) => saved.includes(id)) &&
      saved.every((id) => ending.must.has(id) || ending.may.has(id)),
  );
  assert(
    fitting !== undefined,
    `run ${run.label} ended as ${end.status} ${text} with ${saved.join()}, not as one of ${JSON.stringify(endings, printSets)}`,
  );
  for (const { hash, memo } of memos) {
    const step = steps.get(hash);
    assert(step !== undefined, 'a memo is of a step');
    const fits = fitsMemo(step, JSON.parse(memo) as JsonValue, run, played);
    assert(fits, `step ${step.id} of run ${run.label} does not end with ${memo}`);
  }
  for (const step of steps.values()) checkExecutions(step, run, saved, played);
}

function printSets(_key: string, value: unknown): unknown {
  return value instanceof Set ? [...value].join() : value;
}

function outcomeOf({ output, status }: RunEnded): string {
  const value = output === undefined ? null : (JSON.parse(output) as JsonValue);
  return textOf(status === 'Completed' ? value : (asJsonObject(value)?.['message'] ?? value));
}

function fitsMemo(step: Step, memo: JsonValue, run: PlayedRun, played: Simulation): boolean {
  const fields = asJsonObject(memo) ?? {};
  switch (step.kind) {
    case 'run':
      if (isFailing(step, run.graph)) return isError(fields, failureOf(step.id));
      return isExecution(asJsonObject(fields['data']), step.id, played.app.executionsOf(run.runId, step.id));
    case 'sleep':
      return memo === null;
    case 'wait':
      if (memo === null) return mayTimeOut(step.ends);
      return (
        mayArrive(step.ends) && fields['name'] === AWAITED && isFor(fields['data'], { label: run.label, step: step.id })
      );
    case 'signal': {
      if (memo === null) return mayTimeOut(step.ends);
      const got = asJsonObject(fields['data']);
      return (
        mayArrive(step.ends) &&
        got?.['signal'] === signalOf(run.label, step.id) &&
        isFor(got['data'], { step: step.id })
      );
    }
    case 'invoke':
      return fitsInvoke(step, fields, run, played);
  }
}

function isError(memo: JsonObject, message: string): boolean {
  return Object.keys(memo).length === 1 && asJsonObject(memo['error'])?.['message'] === message;
}

function isExecution(data: JsonObject | undefined, id: string, executions: number): boolean {
  const execution = Number(data?.['execution']);
  return data?.['step'] === id && execution >= 1 && execution <= executions;
}

function isFor(data: JsonValue | undefined, expected: JsonObject): boolean {
  const fields = asJsonObject(data);
  return Object.entries(expected).every(([name, value]) => fields?.[name] === value);
}

function fitsInvoke(
  step: Extract<Step, { kind: 'invoke' }>,
  memo: JsonObject,
  run: PlayedRun,
  played: Simulation,
): boolean {
  if (step.child === 'missing') return isError(memo, 'could not find function with ID: graphs-nobody');
  const isTimedOut = isError(memo, 'Timed out waiting for invoked function to complete');
  if (isTimedOut) return mayTimeOut(step.ends);
  const child = [...played.platform.witness.runs.values()].find(
    ({ correlationId }) => correlationId === `${run.runId}.${stepHash(step.id)}`,
  );
  const end = child === undefined ? undefined : played.platform.witness.ended.get(child.runId);
  if (end === undefined) return false;
  return end.status === 'Completed' ? memo['data'] === outcomeOf(end) : isError(memo, outcomeOf(end));
}

/** At least once if it counts, and again only after a failure or a loss. */
function checkExecutions(step: Step, run: PlayedRun, saved: string[], played: Simulation): void {
  if (step.kind !== 'run') return;
  const executions = played.app.executionsOf(run.runId, step.id);
  const failures = step.isFatal ? 1 : Math.min(step.failures, run.graph.retries + 1);
  const most = failures + (isFailing(step, run.graph) ? 0 : 1) + played.lossesOf(run.runId);
  const least = saved.includes(step.id) ? 1 : 0;
  assert(
    executions >= least && executions <= most,
    `step ${step.id} of run ${run.label} is executed ${least} to ${most} times, not ${executions}`,
  );
}
