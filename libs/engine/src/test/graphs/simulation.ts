import { assert, type JsonObject } from '@perdure/domain';
import { type Checkpoint, parseStoredEvent, toStoredEvent } from '@perdure/protocol';
import type { ClaimedJob, ClaimResult, Store } from '@perdure/store';
import { anEvent, type TestClock } from '@perdure/testing';
import { handleEvent } from '../../event/handle-event.ts';
import { checkpointSteps } from '../../job/checkpoint-steps.ts';
import { executeJob, leaseOf } from '../../job/execute-job.ts';
import type { Ports } from '../../ports.ts';
import { sendSignal } from '../../signal/send-signal.ts';
import { OutboxLoop } from '../../upkeep/outbox-loop.ts';
import { AWAITED, signalOf } from './answer-call.ts';
import type { Choices } from './choices.ts';
import { Actor, type Gate, Gates, type Passage } from './gates.ts';
import { GraphApp } from './graph-app.ts';
import { LEASE_MS, Platform, startOf } from './platform.ts';
import type { StreamedEvent } from './simulated-stream.ts';
import type { Story } from './step-graph.ts';
import type { Owed } from './witness.ts';

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
  readonly app: GraphApp;
  readonly platform: Platform;
  readonly #story: Story;
  readonly #cells: readonly Store[];
  readonly #clock: TestClock;
  readonly #choices: Choices;
  readonly #gates = new Gates();
  readonly #holds = new Map<Actor, Hold>();
  readonly #losses = new Map<string, number>();
  #lossesLeft = LOSSES_MAX;

  constructor(options: { story: Story; cells: readonly Store[]; clock: TestClock; choices: Choices }) {
    const { story, cells, clock, choices } = options;
    this.#story = story;
    this.#cells = cells;
    this.#clock = clock;
    this.#choices = choices;
    this.platform = new Platform({
      story,
      cells,
      clock,
      gates: this.#gates,
      call: (request) => this.app.call(request),
    });
    this.app = new GraphApp({
      clock,
      graphOf: (slug) => this.platform.graphOf(slug),
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
    await this.platform.open();
    for (const i of this.#story.graphs.keys()) this.#publish(startOf(i), { label: `${i}` }, `start ${i}`);
  }

  // -------------------------------------------------------------------------------------------------------- chance

  /** One thing happens, of all that could. The first is what would happen if all went well. */
  #takeChance(): void {
    const chance = this.#choices.next(20);
    if (chance === 0) this.#openFirst();
    else if (chance <= 7) this.#choices.pick(this.#gates.waiting)?.pass('well');
    else if (chance <= 10) this.#goWrong();
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
    const events = this.platform.stream.events.filter(
      ({ isDone, appendedAt }) => !isDone || appendedAt + REDELIVERED_MS > now,
    );
    const event = this.#choices.pick(events);
    if (event !== undefined) this.#deliver(event);
  }

  #payAny(): void {
    const owed = this.#choices.pick(this.platform.witness.owed);
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
    const event = this.platform.stream.events.find(({ isDone, isTaken }) => !isDone && !isTaken);
    if (event !== undefined) {
      this.#deliver(event);
      return true;
    }
    const owed = this.platform.witness.owed[0];
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
    act(this.platform.portsOf(actor)).catch((error: unknown) => this.#gates.fail(error));
  }

  #claim(number: number, jobsMax: number): void {
    // Nobody hears of the jobs: they stay leased to nobody.
    const actor = new Actor('claim', () => (this.#lossesLeft -= 1));
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
    const args = { workerId: 'worker', claimId: this.platform.ids.token(), jobsMax, leaseMs: LEASE_MS };
    const result = await this.platform.witness.watch(cell, 'claim', [args]);
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
      this.platform.witness.notePaid(owed);
    });
  }

  #publish(name: string, data: JsonObject, id: string): void {
    const now = this.#clock.now();
    const event = anEvent({ internalId: this.platform.ids.ulid(now), name, data, receivedAt: now, ts: now });
    void this.platform.stream.append([{ id, topic: 'events', body: toStoredEvent(event) }]);
  }

  #lose(runId: string): void {
    this.#lossesLeft -= 1;
    this.#losses.set(runId, this.lossesOf(runId) + 1);
  }
}

function isLostAt({ job, isLost }: Hold, at: number): boolean {
  return !isLost && job.leaseUntil <= at;
}
