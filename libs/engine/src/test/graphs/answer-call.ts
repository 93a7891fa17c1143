import { assert, type JsonObject, type JsonValue } from '@perdure/domain';
import { asJsonObject } from '@perdure/protocol';
import {
  completed,
  failed,
  fromSdk,
  invokeOp,
  type Reply,
  runCompleteOp,
  sleepOp,
  stepErrorOp,
  stepHash,
  stepPlannedOp,
  stepRunOp,
  waitForEventOp,
  type WireOp,
} from '@perdure/testing';
import { evaluate, type Found, type Memo, type Progress } from './evaluate-graph.ts';
import { failureOf, mayTimeOut, THROWN } from './graph-model.ts';
import type { Graph, Step, WaitEnd } from './step-graph.ts';
import { textOf } from './text-of.ts';

/** What the application is told by one call. */
export interface GraphCall {
  /** `step`, or the hash of the step that is to be executed. */
  target: string;
  attempt: number;
  attemptsMax: number;
  forcePlan: boolean;
  steps: Readonly<Record<string, JsonValue>>;
  stack: readonly string[];
  /** Names the run in what it waits for and whom it invokes. */
  label: string;
}

/** What a call does besides answering. */
export interface GraphEffects {
  /** A step's body runs. Answers what it returns: something else each time. */
  execute(step: Step): JsonValue;
  checkpoint(ops: WireOp[]): Promise<'saved' | 'refused' | 'stale'>;
}

/** The event that ends a wait. */
export const AWAITED = 'graph/awaited';
/** Nothing that arrives comes later than this. */
const LONG = '30d';
const SHORT = '2s';

/** Answers a call as an SDK would (sdk-protocol.md 7). Throws where the platform asks for what no SDK can do. */
export async function answerCall(graph: Graph, call: GraphCall, effects: GraphEffects): Promise<Reply> {
  const memos = readMemos(call);
  if (call.target !== 'step') return answerTargeted(graph, call, memos, effects);
  const buffered: WireOp[] = [];
  for (;;) {
    const found: Found[] = [];
    const progress = evaluate(graph.root, (step) => memoOf(step, memos), found);
    if (progress.kind !== 'pending') return end(graph, call, progress, buffered);
    const [lone] = found;
    assert(lone !== undefined, 'a function that has not ended asks for something');
    if (found.length > 1 || lone.step.kind !== 'run' || call.forcePlan) {
      return ops(graph, [...buffered, ...found.map((one) => askFor(one, call.label))]);
    }
    const op = attempt(lone, call, effects);
    if (op.op !== 'StepRun') return stepFailed(graph, lone.step, call, [...buffered, op]);
    if (graph.lone === 'answered' || (graph.lone === 'checkpointed' && call.attempt > 0)) return ops(graph, [op]);
    const saved = graph.lone === 'checkpointed' ? await effects.checkpoint([...buffered, op]) : 'refused';
    if (saved === 'stale') return failed('the call is stale', { isRetriable: false });
    if (saved === 'saved') buffered.length = 0;
    else buffered.push(op);
    memos.set(op.id, { at: memos.size, memo: { data: op.data ?? null } });
  }
}

type Memos = Map<string, { at: number; memo: JsonValue }>;

function readMemos({ steps, stack }: GraphCall): Memos {
  assert(
    stack.toSorted().join() === Object.keys(steps).toSorted().join(),
    'a call carries exactly the steps on its stack',
  );
  return new Map(stack.map((hash, at) => [hash, { at, memo: steps[hash] ?? null }]));
}

function memoOf(step: Step, memos: Memos): Memo | undefined {
  const known = memos.get(stepHash(step.id));
  if (known === undefined) return undefined;
  const { at, memo } = known;
  const fields = asJsonObject(memo);
  if (fields !== undefined && 'error' in fields) return { at, error: failureOf(step.id) };
  switch (step.kind) {
    case 'run':
      return { at, text: textOf(asJsonObject(fields?.['data'])?.['step']) };
    case 'sleep':
      return { at, text: step.id };
    case 'wait':
    case 'signal':
      return { at, text: memo === null ? `${step.id}-` : `${step.id}+` };
    case 'invoke':
      return { at, text: `${step.id}{${textOf(fields?.['data'])}}` };
  }
}

function answerTargeted(graph: Graph, call: GraphCall, memos: Memos, effects: GraphEffects): Reply {
  const found: Found[] = [];
  evaluate(graph.root, (step) => memoOf(step, memos), found);
  const target = found.find(({ step }) => stepHash(step.id) === call.target);
  assert(target !== undefined, 'a call names a step that the function asks for');
  const op = attempt(target, call, effects);
  return op.op === 'StepRun' ? ops(graph, [op]) : stepFailed(graph, target.step, call, [op]);
}

/** One attempt of a step. The last one is told to be the last, or not, as old and new SDKs do. */
function attempt({ step, isRace }: Found, call: GraphCall, effects: GraphEffects): WireOp {
  assert(step.kind === 'run', 'only such a step is executed by the application');
  const data = effects.execute(step);
  if (!step.isFatal && call.attempt >= step.failures) return marked(stepRunOp(step.id, data), isRace);
  return marked(stepErrorOp(step.id, failureOf(step.id)), isRace);
}

function stepFailed(graph: Graph, step: Step, call: GraphCall, list: WireOp[]): Reply {
  const isFatal = step.kind === 'run' && step.isFatal;
  const isLast = graph.requestVersion === 2 && call.attempt + 1 >= call.attemptsMax;
  return ops(graph, list, { 'x-inngest-no-retry': String(isFatal || isLast) });
}

function askFor({ step, isRace }: Found, label: string): WireOp {
  return marked(askForStep(step, label), isRace);
}

function askForStep(step: Step, label: string): WireOp {
  switch (step.kind) {
    case 'run':
      return stepPlannedOp(step.id);
    case 'sleep':
      return sleepOp(step.id, `${step.ms}ms`);
    case 'wait': {
      const condition = `async.data.label == event.data.label && async.data.step == "${step.id}"`;
      return waitForEventOp(step.id, { event: AWAITED, timeout: timeoutOf(step.ends), if: condition });
    }
    case 'signal': {
      const opts = { signal: signalOf(label, step.id), timeout: timeoutOf(step.ends), conflict: 'fail' };
      return { op: 'WaitForSignal', id: stepHash(step.id), displayName: step.id, opts };
    }
    case 'invoke':
      return invokeOp(step.id, {
        functionId: step.child === 'missing' ? 'graphs-nobody' : childSlug(step.child),
        data: { label: `${label}/${step.id}` },
        timeout: timeoutOf(step.ends),
      });
  }
}

export function signalOf(label: string, id: string): string {
  return `${label}/${id}`;
}

export function childSlug(child: number): string {
  return `graphs-child-${child}`;
}

function timeoutOf(ends: WaitEnd): string {
  return mayTimeOut(ends) ? SHORT : LONG;
}

function marked(op: WireOp, isRace: boolean): WireOp {
  return isRace ? { ...op, opts: { ...(op.opts as JsonObject), parallelMode: 'race' } } : op;
}

function end(
  graph: Graph,
  call: GraphCall,
  progress: Exclude<Progress, { kind: 'pending' }>,
  buffered: WireOp[],
): Reply {
  const isThrowing = progress.kind === 'threw' || call.attempt < graph.throws;
  // What is done is told first; the next call throws.
  if (isThrowing && buffered.length > 0) return ops(graph, buffered);
  if (progress.kind === 'threw') return failed(progress.error, { isRetriable: false });
  if (isThrowing) return failed(THROWN, { isRetriable: call.attempt + 1 < call.attemptsMax });
  if (graph.lone === 'answered') return completed(progress.text);
  return ops(graph, [...buffered, runCompleteOp(progress.text)]);
}

function ops(graph: Graph, list: WireOp[], headers: Record<string, string> = {}): Reply {
  return fromSdk(206, list, { 'x-inngest-req-version': String(graph.requestVersion), ...headers });
}
