import { assert, type FunctionDefinition, type JsonObject } from '@perdure/domain';
import type { Bus } from '@perdure/bus';
import type { Registry } from '@perdure/history';
import { type Checkpoint, parseStoredEvent, toStoredEvent } from '@perdure/protocol';
import {
  type AdvanceResult,
  type ClaimedJob,
  type ClaimResult,
  type OutboxEntry,
  routeCells,
  type ScheduleArgs,
  type ScheduleResult,
  type Store,
} from '@perdure/store';
import { recordingLogger, silentTelemetry } from '@perdure/telemetry';
import { aFlowControl, aFunction, anEvent, stepHash, type TestClock, testIds } from '@perdure/testing';
import { handleEvent } from '../../event/handle-event.ts';
import { FunctionCatalog } from '../../function/function-catalog.ts';
import { checkpointSteps } from '../../job/checkpoint-steps.ts';
import { executeJob, leaseOf } from '../../job/execute-job.ts';
import type { Ports } from '../../ports.ts';
import { functionLimits } from '../../run/plan-run.ts';
import { sendSignal } from '../../signal/send-signal.ts';
import { OutboxLoop } from '../../upkeep/outbox-loop.ts';
import { AWAITED, childSlug, signalOf } from './answer-call.ts';
import type { Choices } from './choices.ts';
import { Actor, type Gate, Gates, type Passage } from './gates.ts';
import { GraphApp } from './graph-app.ts';
import { mayArrive } from './graph-model.ts';
import { SimulatedStream, type StreamedEvent } from './simulated-stream.ts';
import { type Graph, type Step, stepsOf, type Story } from './step-graph.ts';
import { textOf } from './text-of.ts';

const LEASE_MS = 30_000;
/** Executors that die, and leases that run out, in one story: fewer than make a job count as poison. */
const LOSSES_MAX = 12;
/** An event is delivered again up to this long after it was handled. */
const REDELIVERED_MS = 600_000;
/** Waits of a graph end long before; what is due later waits for something that did not come. */
const STUCK_MS = 86_400_000;
/** A bound on the test, generous against what it plays. */
const TURNS_MAX = 50_000;
const JUMPS_MS = [1, 500, 2_500, LEASE_MS + 1] as const;
const PASSAGES: readonly Passage[] = ['dies-before', 'dies-after', 'twice'];

/** A run as it was scheduled. */
export interface PlayedRun {
  runId: string;
  graph: Graph;
  label: string;
  correlationId?: string;
}

export type RunEnded = Extract<OutboxEntry, { kind: 'run-ended' }>;

/** Something from outside that a waiting step is owed. */
interface Owed {
  label: string;
  step: Step;
  isUnderWay: boolean;
}

/** An execution's hold of a job. */
interface Hold {
  job: ClaimedJob;
  isLost: boolean;
}

/**
 * A whole platform in one process, with executors, runners and an application that die, are late and repeat themselves as
 * `choices` has it. Everything of the engine and the store is real but time, the stream and the application.
 */
export class Simulation {
  readonly runs = new Map<string, PlayedRun>();
  readonly ended = new Map<string, RunEnded>();
  readonly app: GraphApp;
  readonly stream: SimulatedStream;
  readonly log = recordingLogger();
  readonly #story: Story;
  readonly #cells: readonly Store[];
  readonly #clock: TestClock;
  readonly #choices: Choices;
  readonly #gates = new Gates();
  readonly #ids = testIds();
  readonly #catalog: FunctionCatalog;
  readonly #functions = new Map<string, { fn: FunctionDefinition; graph: Graph }>();
  readonly #holds = new Map<Actor, Hold>();
  readonly #losses = new Map<string, number>();
  readonly #owed = new Map<string, Owed>();
  /** What was ever owed. */
  readonly #promised = new Set<string>();
  /** Runs that have ended, as far as anybody knows. */
  readonly #gone = new Set<string>();
  #lossesLeft = LOSSES_MAX;

  constructor({
    story,
    cells,
    clock,
    choices,
  }: {
    story: Story;
    cells: readonly Store[];
    clock: TestClock;
    choices: Choices;
  }) {
    this.#story = story;
    this.#cells = cells;
    this.#clock = clock;
    this.#choices = choices;
    this.stream = new SimulatedStream(() => clock.now());
    for (const [i, graph] of story.graphs.entries()) this.#define(`graphs-main-${i}`, graph, [startOf(i)]);
    for (const [i, graph] of story.children.entries()) this.#define(childSlug(i), graph, []);
    this.#catalog = new FunctionCatalog({
      registry: this.#registry(),
      bus: NO_BUS,
      log: this.log,
      clock,
      cells: cells.length,
      isShared: false,
    });
    this.app = new GraphApp({
      clock,
      graphOf: (slug) => this.#functions.get(slug)?.graph,
      checkpoint: (checkpoint) => this.#checkpoint(checkpoint),
    });
  }

  /** How often work on the run was lost, at most: its executor died or its lease ran out. */
  lossesOf(runId: string): number {
    return this.#losses.get(runId) ?? 0;
  }

  /** Plays the story to its end: every event handled, every run ended, everything told. */
  async play(): Promise<void> {
    await this.#begin();
    for (let turn = 0; turn < TURNS_MAX; turn += 1) {
      await this.#gates.settle();
      if (!this.#choices.areOver) this.#takeChance();
      else if (!(await this.#goOn())) return;
    }
    throw new Error('the story does not end');
  }

  async #begin(): Promise<void> {
    await this.#catalog.reload();
    for (const { fn } of this.#functions.values()) {
      for (const cell of this.#cells) await cell.setFunction(functionLimits(fn));
    }
    for (const i of this.#story.graphs.keys()) this.#publish(startOf(i), { label: `${i}` }, `start ${i}`);
  }

  // -------------------------------------------------------------------------------------------------------- chance

  /** One thing happens, of all that could. The first is what would happen if all went well. */
  #takeChance(): void {
    const chance = this.#choices.next(20);
    if (chance === 0) this.#openFirst();
    else if (chance <= 8) this.#choices.pick(this.#gates.waiting)?.pass('well');
    else if (chance === 9) this.#goWrong();
    else if (chance <= 12) this.#deliverAny();
    else if (chance <= 14) this.#payAny();
    else if (chance <= 16) this.#claim(this.#choices.next(this.#cells.length), 1 + this.#choices.next(3));
    else if (chance === 17) this.#drain(this.#choices.next(this.#cells.length));
    else if (chance === 18) this.#keepUp();
    else this.#jump();
  }

  #openFirst(): boolean {
    const [gate] = this.#gates.waiting;
    gate?.pass('well');
    return gate !== undefined;
  }

  #goWrong(): void {
    const gate = this.#choices.pick(this.#gates.waiting);
    const how = this.#choices.pick(PASSAGES) ?? 'twice';
    if (gate === undefined) return;
    gate.pass(how === 'twice' || this.#mayLose(gate) ? how : 'well');
  }

  #mayLose({ actor, what }: Gate): boolean {
    return (!this.#holds.has(actor) && what !== 'claim') || this.#lossesLeft > 0;
  }

  #deliverAny(): void {
    const now = this.#clock.now();
    const events = this.stream.events.filter(({ isDone, appendedAt }) => !isDone || appendedAt + REDELIVERED_MS > now);
    const event = this.#choices.pick(events);
    if (event !== undefined) this.#deliver(event);
  }

  #payAny(): void {
    const owed = this.#choices.pick([...this.#owed.values()].filter(({ isUnderWay }) => !isUnderWay));
    if (owed !== undefined) this.#pay(owed);
  }

  /** What a live executor, or the upkeep of a cell, does now and then. */
  #keepUp(): void {
    const hold = this.#choices.pick([...this.#holds.values()]);
    const cell = this.#choices.next(this.#cells.length);
    if (hold !== undefined && this.#choices.next(2) === 0) this.#extend(hold);
    else if (this.#choices.next(2) === 0) this.#reconcile(cell);
    else this.#collect(cell);
  }

  #jump(): void {
    const ms = this.#choices.pick(JUMPS_MS) ?? 1;
    const wouldLose = [...this.#holds.values()].filter((hold) => isLostAt(hold, this.#clock.now() + ms));
    if (wouldLose.length <= this.#lossesLeft) this.#moveClock(this.#clock.now() + ms);
  }

  #moveClock(at: number): void {
    for (const hold of this.#holds.values()) {
      if (!isLostAt(hold, at)) continue;
      hold.isLost = true;
      this.#lose(hold.job.run.runId);
    }
    // No timer waits on this clock: the simulation looks at it.
    void this.#clock.advanceTo(at);
  }

  // ------------------------------------------------------------------------------------------------------ going well

  /** The next thing that must happen. False: there is nothing more. */
  async #goOn(): Promise<boolean> {
    if (this.#openFirst()) return true;
    const event = this.stream.events.find(({ isDone, isTaken }) => !isDone && !isTaken);
    if (event !== undefined) {
      this.#deliver(event);
      return true;
    }
    const owed = [...this.#owed.values()].find(({ isUnderWay }) => !isUnderWay);
    if (owed !== undefined) {
      this.#pay(owed);
      return true;
    }
    return this.#goOnInCells();
  }

  async #goOnInCells(): Promise<boolean> {
    let wakeAt: number | undefined;
    for (const [number, cell] of this.#cells.entries()) {
      if ((await cell.readOutbox(1)).length > 0) {
        this.#drain(number);
        return true;
      }
      const { jobs, nextWakeAt } = await this.#claimNow(cell, 10);
      if (jobs.length > 0) return true;
      if (nextWakeAt !== undefined) wakeAt = Math.min(wakeAt ?? nextWakeAt, nextWakeAt);
    }
    // What a claim fired may be told of in the outbox of a cell that was looked at before.
    if (wakeAt === undefined) return (await this.#countOutbox()) > 0;
    const now = this.#clock.now();
    if (wakeAt > now + STUCK_MS) throw new Error('a run waits for what will not come');
    this.#moveClock(Math.max(wakeAt, now + 1));
    return true;
  }

  async #countOutbox(): Promise<number> {
    const counts = await Promise.all(this.#cells.map((cell) => cell.counts()));
    return counts.reduce((sum, { outbox }) => sum + outbox, 0);
  }

  // ---------------------------------------------------------------------------------------------------------- actors

  #spawn(actor: Actor, act: (ports: Ports) => Promise<void>): void {
    act(this.#portsOf(actor)).catch((error: unknown) => this.#gates.fail(error));
  }

  #claim(number: number, jobsMax: number): void {
    const actor = new Actor('claim');
    this.#spawn(actor, async ({ store, ids }) => {
      const cell = store.cells[number];
      assert(cell !== undefined, 'a cell that is there');
      const { jobs } = await cell.claim({
        workerId: `worker-${number}`,
        claimId: ids.token(),
        jobsMax,
        leaseMs: LEASE_MS,
      });
      for (const job of jobs) this.#execute(job);
    });
  }

  async #claimNow(cell: Store, jobsMax: number): Promise<ClaimResult> {
    const args = { workerId: 'worker', claimId: this.#ids.token(), jobsMax, leaseMs: LEASE_MS };
    const result = await this.#watched(new Actor('claim'), cell, 'claim', [args]);
    for (const job of (result as ClaimResult).jobs) this.#execute(job);
    return result as ClaimResult;
  }

  #execute(claimed: ClaimedJob): void {
    const { runId } = claimed.run;
    const actor = new Actor('execution', () => {
      this.#holds.delete(actor);
      this.#lose(runId);
    });
    this.#holds.set(actor, { job: claimed, isLost: false });
    this.#spawn(actor, async (ports) => {
      const onJob = (job: ClaimedJob): void => void this.#holds.set(actor, { job, isLost: false });
      await executeJob(ports, claimed, { onJob, signal: new AbortController().signal });
      this.#holds.delete(actor);
    });
  }

  #extend({ job }: Hold): void {
    this.#spawn(new Actor('extension'), async ({ store }) => void (await store.extend(leaseOf(job), LEASE_MS)));
  }

  #deliver(event: StreamedEvent): void {
    event.isTaken = true;
    const actor = new Actor('runner', () => (event.isTaken = false));
    this.#spawn(actor, async (ports) => {
      await handleEvent(ports, parseStoredEvent(event.body));
      await this.#gates.enter(actor, 'acknowledge', async () => void (event.isDone = true));
      event.isTaken = false;
    });
  }

  #drain(number: number): void {
    this.#spawn(new Actor('outbox'), (ports) => new OutboxLoop(ports, number).stop());
  }

  #reconcile(number: number): void {
    this.#spawn(new Actor('reconciliation'), async ({ store }) => {
      let cursor: string | undefined;
      do {
        const page = await store.cells[number]?.reconcile({ runsMax: 10, ...(cursor !== undefined && { cursor }) });
        assert(page !== undefined, 'a cell that is there');
        const repairs = page.redriven.length + page.holders + page.lanes;
        assert(repairs === 0, `there is nothing to repair: ${JSON.stringify(page)}`);
        cursor = page.cursor;
      } while (cursor !== undefined);
    });
  }

  #collect(number: number): void {
    this.#spawn(new Actor('garbage'), async ({ store }) => void (await store.cells[number]?.collectGarbage(5)));
  }

  /** The application reports to the API; a request that is lost it takes for refused. */
  #checkpoint(checkpoint: Checkpoint): Promise<'saved' | 'refused' | 'stale'> {
    return new Promise((resolve) => {
      const actor = new Actor('api', () => resolve('refused'));
      this.#spawn(actor, async (ports) => {
        const outcome = await checkpointSteps(ports, checkpoint);
        resolve(outcome === 'saved' ? 'saved' : 'stale');
      });
    });
  }

  /** Somebody outside does what a step waits for. */
  #pay(owed: Owed): void {
    const { label, step } = owed;
    owed.isUnderWay = true;
    const actor = new Actor('outside', () => (owed.isUnderWay = false));
    this.#spawn(actor, async (ports) => {
      if (step.kind === 'wait') {
        await this.#gates.enter(actor, 'send', async () =>
          this.#publish(AWAITED, { label, step: step.id }, `${label} ${step.id}`),
        );
      } else {
        await sendSignal(ports, { signal: signalOf(label, step.id), data: { step: step.id } });
      }
      this.#owed.delete(`${label} ${step.id}`);
    });
  }

  #publish(name: string, data: JsonObject, id: string): void {
    const now = this.#clock.now();
    const event = anEvent({ internalId: this.#ids.ulid(now), name, data, receivedAt: now, ts: now });
    void this.stream.append([{ id, topic: 'events', body: toStoredEvent(event) }]);
  }

  #lose(runId: string): void {
    this.#lossesLeft -= 1;
    this.#losses.set(runId, this.lossesOf(runId) + 1);
  }

  // ----------------------------------------------------------------------------------------------------------- ports

  #define(slug: string, graph: Graph, events: string[]): void {
    const fn = aFunction({
      id: `id-of-${slug}`,
      slug,
      triggers: events.map((event) => ({ kind: 'event', event })),
      url: `http://127.0.0.1:1/api/inngest?fnId=${slug}`,
      retries: graph.retries,
      flow: aFlowControl(graph.isSerial ? { concurrency: [{ limit: 1, scope: 'fn' }] } : {}),
    });
    this.#functions.set(slug, { fn, graph });
  }

  #registry(): Registry {
    const active = [...this.#functions.values()].map(({ fn }) => fn);
    return {
      revision: async () => 1,
      listFunctions: async () => ({ active, archived: [], held: new Map() }),
    } as unknown as Registry;
  }

  /** The platform as one actor sees it: behind its gates. */
  #portsOf(actor: Actor): Ports {
    const { stream, log } = this;
    return {
      clock: this.#clock,
      ids: this.#ids,
      stream: {
        append: (messages) => this.#gates.enter(actor, 'append', () => stream.append(messages)),
      } as Ports['stream'],
      store: routeCells(this.#cells.map((cell) => this.#gated(actor, cell))),
      invoker: {
        call: async (request) => {
          await this.#gates.enter(actor, 'call', async () => undefined);
          const answer = await this.app.call(request);
          return this.#gates.enter(actor, 'answer', async () => answer);
        },
        close: async () => undefined,
      },
      bus: NO_BUS,
      log,
      telemetry: silentTelemetry,
      catalog: this.#catalog,
      settings: SETTINGS,
    } as Partial<Ports> as Ports;
  }

  #gated(actor: Actor, cell: Store): Store {
    return new Proxy(cell, {
      get:
        (target, name: keyof Store) =>
        (...args: unknown[]) =>
          this.#gates.enter(actor, name, () => this.#watched(actor, target, name, args)),
    });
  }

  async #watched(actor: Actor, cell: Store, name: keyof Store, args: unknown[]): Promise<unknown> {
    const gone = new Set(this.#gone);
    const result: unknown = await (cell[name] as (...args: unknown[]) => Promise<unknown>).apply(cell, args);
    switch (name) {
      case 'schedule':
        this.#noteScheduled(args[0] as ScheduleArgs, result as ScheduleResult);
        break;
      case 'claim':
        for (const job of (result as ClaimResult).jobs) {
          assert(!gone.has(job.run.runId), 'nothing of a run is claimed after its end');
          if (actor.isDead) this.#lose(job.run.runId);
        }
        break;
      case 'advance':
        this.#noteAdvanced(args[0] as Parameters<Store['advance']>[0], result as AdvanceResult);
        break;
      case 'finalize':
        if (result === 'finalized') this.#gone.add((args[0] as { runId: string }).runId);
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
    const known = [...this.#functions.values()].find(({ fn }) => fn.id === functionId);
    assert(known !== undefined, 'a function that is known');
    const [event] = JSON.parse(events) as { data: JsonObject }[];
    const label = textOf(event?.data['label']);
    this.runs.set(runId, { runId, graph: known.graph, label, ...(correlationId !== undefined && { correlationId }) });
  }

  #noteAdvanced({ runId, plans }: Parameters<Store['advance']>[0], result: AdvanceResult): void {
    const run = this.runs.get(runId);
    if (result.kind !== 'advanced' || run === undefined) return;
    for (const { kind, hash } of plans) {
      const step = stepsOf(run.graph.root).find(({ id }) => stepHash(id) === hash);
      if (step === undefined || (kind !== 'wait' && kind !== 'signal') || !('ends' in step)) continue;
      const key = `${run.label} ${step.id}`;
      if (!mayArrive(step.ends) || this.#promised.has(key)) continue;
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

function startOf(graph: number): string {
  return `graph/start-${graph}`;
}

function isLostAt({ job, isLost }: Hold, at: number): boolean {
  return !isLost && job.leaseUntil <= at;
}

const NO_BUS: Bus = {
  publish: () => undefined,
  subscribe: () => () => undefined,
  onGap: () => () => undefined,
  close: async () => undefined,
};

const SETTINGS: Ports['settings'] = {
  serverKind: 'dev',
  signingKeys: [],
  eventKeys: [],
  eventBytesMax: 1_000_000,
  stepsMax: 1000,
  stateBytesMax: 1_000_000,
  executorConcurrency: 10,
  leaseMs: LEASE_MS,
  callTimeoutMs: 10_000,
  backoff: {},
  drainMs: 0,
  retentionMs: 1_000_000,
};
