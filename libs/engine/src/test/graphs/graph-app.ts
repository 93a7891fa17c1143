import { assert, type Clock, type JsonObject, type JsonValue } from '@perdure/domain';
import type { CallRequest } from '@perdure/invoker';
import { classifyAnswer, parseCheckpoint, type Checkpoint, type SdkAnswer } from '@perdure/protocol';
import { answerCall } from './answer-call.ts';
import type { Graph } from './step-graph.ts';
import { textOf } from './text-of.ts';

export interface GraphAppOptions {
  clock: Clock;
  /** The graph of the function with this slug. */
  graphOf: (slug: string) => Graph | undefined;
  checkpoint: (checkpoint: Checkpoint) => Promise<'saved' | 'refused' | 'stale'>;
}

/** The application: answers calls by interpreting graphs, and remembers what it was asked to do. */
export class GraphApp {
  readonly #options: GraphAppOptions;
  /** By run and step ID: how often the step's body ran. */
  readonly #executions = new Map<string, number>();
  /** By run: the longest stack that it was called with, and its memos. */
  readonly #seen = new Map<string, { stack: string[]; steps: JsonObject }>();

  constructor(options: GraphAppOptions) {
    this.#options = options;
  }

  executionsOf(runId: string, stepId: string): number {
    return this.#executions.get(`${runId} ${stepId}`) ?? 0;
  }

  async call({ url, body }: CallRequest): Promise<SdkAnswer> {
    const query = new URL(url).searchParams;
    const graph = this.#options.graphOf(query.get('fnId') ?? '');
    assert(graph !== undefined, 'a function is called that is known');
    const sent = JSON.parse(body) as SentBody;
    this.#expectSameMemos(sent);
    const { ctx, event, steps } = sent;
    const reply = await answerCall(
      graph,
      {
        target: query.get('stepId') ?? '',
        attempt: ctx.attempt,
        attemptsMax: ctx.max_attempts,
        forcePlan: ctx.disable_immediate_execution,
        steps,
        stack: ctx.stack.stack,
        label: textOf(event.data['label']),
      },
      {
        execute: ({ id }) => this.#execute(ctx.run_id, id),
        checkpoint: (ops) => this.#checkpoint(ctx, ops),
      },
    );
    assert(reply.kind === 'answer' && typeof reply.body === 'string', 'a graph answers with text');
    return classifyAnswer(
      { status: reply.status, headers: reply.headers, body: reply.body },
      this.#options.clock.now(),
    );
  }

  #execute(runId: string, id: string): JsonValue {
    const execution = this.executionsOf(runId, id) + 1;
    this.#executions.set(`${runId} ${id}`, execution);
    return { step: id, execution };
  }

  #checkpoint(ctx: SentContext, steps: JsonValue): Promise<'saved' | 'refused' | 'stale'> {
    const body = { run_id: ctx.run_id, qi_id: ctx.qi_id, generation_id: ctx.generation_id, steps };
    const parsed = parseCheckpoint(body, ctx.run_id);
    assert(parsed.ok, 'a checkpoint is as the protocol has it');
    return this.#options.checkpoint(parsed);
  }

  /** A memo is never another one, and stacks only grow; a call that is late may know less. */
  #expectSameMemos({ ctx, steps }: SentBody): void {
    const { stack } = ctx.stack;
    const known = this.#seen.get(ctx.run_id) ?? { stack: [], steps: {} };
    const [shorter, longer] = known.stack.length < stack.length ? [known.stack, stack] : [stack, known.stack];
    assert(
      shorter.every((hash, at) => longer[at] === hash),
      'the order of a stack never changes',
    );
    for (const hash of shorter) {
      assert(JSON.stringify(steps[hash]) === JSON.stringify(known.steps[hash]), 'a memo never changes');
    }
    if (longer === stack) this.#seen.set(ctx.run_id, { stack, steps });
  }
}

interface SentContext {
  run_id: string;
  qi_id: string;
  generation_id: number;
  attempt: number;
  max_attempts: number;
  disable_immediate_execution: boolean;
  stack: { stack: string[] };
}

interface SentBody {
  ctx: SentContext;
  event: { data: JsonObject };
  steps: JsonObject;
}
