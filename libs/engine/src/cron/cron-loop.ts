import type { EpochMs, FunctionDefinition } from '@perdure/domain';
import { toStoredEvent } from '@perdure/protocol';
import { BackgroundLoop } from '../loop/background-loop.ts';
import type { Ports } from '../ports.ts';
import { type CronSchedule, parseCron } from './cron-schedule.ts';
import { dueTicks, tickEvent } from './due-ticks.ts';

/** Looked at this often even when nothing is due, so that a clock that was set is noticed. */
const LOOK_MS = 30_000;

interface Timer {
  fn: FunctionDefinition;
  trigger: { cron: string; jitterMs?: number };
  schedule: CronSchedule;
  /** Where the store keeps how far it has been fired. */
  name: string;
  /** The last instant up to which all ticks are fired; absent until the store was asked. */
  cursor?: EpochMs;
}

/**
 * Fires cron triggers: at each tick an event is appended that starts its function (execution.md 2.7). One process does it,
 * with the upkeep of the first cell.
 *
 * How far a trigger was fired is kept in the store, and moved on only after the events are in the stream; a tick that is
 * fired twice across a crash has the same event ID, and its function runs once. A trigger that was never seen before starts
 * with the next tick.
 */
export class CronLoop {
  private readonly ports: Ports;
  private readonly loop: BackgroundLoop;
  private timers: Timer[] = [];
  private unsubscribe: (() => void) | undefined;

  constructor(ports: Ports) {
    this.ports = ports;
    this.loop = new BackgroundLoop({ name: 'fire cron triggers', log: ports.log, pass: () => this.pass() });
  }

  start(): void {
    this.timers = this.readTimers();
    this.unsubscribe = this.ports.catalog.onChange(() => {
      this.timers = this.readTimers();
      this.loop.nudge();
    });
    this.loop.start();
  }

  async stop(): Promise<void> {
    this.unsubscribe?.();
    await this.loop.stop();
  }

  private readTimers(): Timer[] {
    const known = new Map(this.timers.map((timer) => [timer.name, timer.cursor]));
    return this.ports.catalog.index.active().flatMap((fn) =>
      fn.triggers.flatMap((trigger) => {
        if (trigger.kind !== 'cron') return [];
        const name = `${fn.id} ${trigger.cron}`;
        const cursor = known.get(name);
        return [{ fn, trigger, schedule: parseCron(trigger.cron), name, ...(cursor !== undefined && { cursor }) }];
      }),
    );
  }

  private async pass(): Promise<number> {
    let nextAt = this.ports.clock.now() + LOOK_MS;
    for (const timer of this.timers) {
      const at = await this.fireDue(timer);
      if (at !== undefined && at < nextAt) nextAt = at;
    }
    return Math.max(0, nextAt - this.ports.clock.now());
  }

  /** Answers when the next tick is due. */
  private async fireDue(timer: Timer): Promise<EpochMs | undefined> {
    const { clock, store, stream, log } = this.ports;
    const now = clock.now();
    // A trigger that is new: nothing before this moment is due.
    timer.cursor ??= await store.home.moveCronCursor({ name: timer.name, from: now });
    const ticks = dueTicks(timer.schedule, { from: timer.cursor, now, catchUp: 'latest' });
    const last = ticks.at(-1);
    if (last !== undefined) {
      const events = ticks.map((tick) => tickEvent(timer.fn, timer.trigger, tick));
      await stream.append(
        events.map((event) => ({ id: event.internalId, topic: 'events', body: toStoredEvent(event) })),
      );
      timer.cursor = await store.home.moveCronCursor({ name: timer.name, from: last, to: last });
      log.debug('a cron trigger fired', { functionId: timer.fn.id, cron: timer.trigger.cron, ticks: ticks.length });
    }
    return timer.schedule.nextAfter(timer.cursor);
  }
}
