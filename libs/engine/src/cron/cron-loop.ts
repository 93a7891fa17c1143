import type { EpochMs, FunctionDefinition } from '@perdure/domain';
import { toStoredEvent } from '@perdure/protocol';
import { BackgroundLoop } from '../loop/background-loop.ts';
import type { Ports } from '../ports.ts';
import { type CronSchedule, parseCron } from './cron-schedule.ts';
import { dueTicks, tickEvent } from './due-ticks.ts';

/** Looked at this often even when nothing is due, so that a clock that was set is noticed. */
const LOOK_MS = 30_000;
/** Triggers looked at side by side: most are due at a full minute, all at once. */
const AT_ONCE_MAX = 100;

interface Timer {
  fn: FunctionDefinition;
  trigger: { cron: string; jitterMs?: number };
  schedule: CronSchedule;
  /** Where the store keeps how far it has been fired. */
  name: string;
  /** The last instant up to which all ticks are fired; absent until the store was asked. */
  cursor?: EpochMs;
  /** It appeared while this loop ran: no tick before is due, whatever was fired when there was such a trigger last. */
  appearedAt?: EpochMs;
}

/**
 * Fires cron triggers: at each tick an event is appended that starts its function (execution.md 2.7). One process does it,
 * with the upkeep of the first cell.
 *
 * How far a trigger was fired is kept in the store, and moved on only after the events are in the stream; a tick that is
 * fired twice across a crash has the same event ID, and its function runs once. A trigger that was never seen before, or
 * that is there again, starts with the next tick.
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
      this.timers = this.readTimers(this.timers);
      this.loop.nudge();
    });
    this.loop.start();
  }

  async stop(): Promise<void> {
    this.unsubscribe?.();
    await this.loop.stop();
  }

  /** `before`: those that there were, when they are read again. */
  private readTimers(before?: Timer[]): Timer[] {
    const now = this.ports.clock.now();
    const known = new Map(before?.map((timer) => [timer.name, progressOf(timer)]));
    return this.ports.catalog.index.active().flatMap((fn) =>
      fn.triggers.flatMap((trigger) => {
        if (trigger.kind !== 'cron') return [];
        const name = `${fn.id} ${trigger.cron}`;
        const appeared = before === undefined ? {} : { appearedAt: now };
        return [{ fn, trigger, schedule: parseCron(trigger.cron), name, ...(known.get(name) ?? appeared) }];
      }),
    );
  }

  private async pass(): Promise<number> {
    const { clock } = this.ports;
    let nextAt = clock.now() + LOOK_MS;
    let failure: PromiseRejectedResult | undefined;
    const { timers } = this;
    for (let i = 0; i < timers.length; i += AT_ONCE_MAX) {
      const fired = await Promise.allSettled(timers.slice(i, i + AT_ONCE_MAX).map((timer) => this.fireDue(timer)));
      for (const result of fired) {
        if (result.status === 'rejected') failure ??= result;
        else if (result.value !== undefined && result.value < nextAt) nextAt = result.value;
      }
    }
    // The loop tries again soon; what was fired stays so.
    if (failure !== undefined) throw failure.reason;
    return Math.max(0, nextAt - clock.now());
  }

  /** Answers when the next tick is due. */
  private async fireDue(timer: Timer): Promise<EpochMs | undefined> {
    const { clock, stream, log } = this.ports;
    const now = clock.now();
    timer.cursor ??= await this.findCursor(timer, now);
    const ticks = dueTicks(timer.schedule, { from: timer.cursor, now, catchUp: 'latest' });
    const last = ticks.at(-1);
    if (last !== undefined) {
      const events = ticks.map((tick) => tickEvent(timer.fn, timer.trigger, tick));
      await stream.append(
        events.map((event) => ({ id: event.internalId, topic: 'events', body: toStoredEvent(event) })),
      );
      timer.cursor = await this.moveCursor(timer, { from: last, to: last });
      log.debug('a cron trigger fired', { functionId: timer.fn.id, cron: timer.trigger.cron, ticks: ticks.length });
    }
    return timer.schedule.nextAfter(timer.cursor);
  }

  /** Of a trigger that is new: nothing before this moment is due. */
  private findCursor(timer: Timer, now: EpochMs): Promise<EpochMs> {
    const { appearedAt } = timer;
    return this.moveCursor(timer, appearedAt === undefined ? { from: now } : { from: appearedAt, to: appearedAt });
  }

  private moveCursor({ name }: Timer, move: { from: EpochMs; to?: EpochMs }): Promise<EpochMs> {
    return this.ports.store.home.moveCronCursor({ name, ...move });
  }
}

function progressOf({ cursor, appearedAt }: Timer): Pick<Timer, 'cursor' | 'appearedAt'> {
  return { ...(cursor !== undefined && { cursor }), ...(appearedAt !== undefined && { appearedAt }) };
}
