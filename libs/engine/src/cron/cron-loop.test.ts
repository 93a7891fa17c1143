import type { FunctionDefinition } from '@perdure/domain';
import { parseStoredEvent, type StoredEvent } from '@perdure/protocol';
import { aFunction } from '@perdure/testing';
import { expect, onTestFinished, test } from 'vitest';
import { handleEvent } from '../event/handle-event.ts';
import { openEmbeddedPorts } from '../test/embedded-ports.ts';
import { CronLoop } from './cron-loop.ts';

const START = Date.parse('2026-11-21T10:00:20Z');
const MINUTE_MS = 60_000;

/** Loops over one store and one stream. */
async function startPlay() {
  const { ports, cell, clock, register } = await openEmbeddedPorts({ at: START });
  const loops = new Set<CronLoop>();
  onTestFinished(async () => {
    await Promise.all([...loops].map((loop) => loop.stop()));
  });

  /** All events of ticks that are in the stream. */
  const ticks = async (): Promise<StoredEvent[]> =>
    (await ports.stream.readSince('events', 0, 0, 1_000)).map(({ body }) => parseStoredEvent(body));
  return {
    clock,
    ticks,
    instants: async () => (await ticks()).map(({ id }) => id?.slice('2026-11-21T'.length)),
    register,
    startLoop: (): CronLoop => {
      const loop = new CronLoop(ports);
      loops.add(loop);
      loop.start();
      return loop;
    },
    /** Every loop looks what is due. */
    look: () => register(...ports.catalog.index.active()),
    handle: (event: StoredEvent) => handleEvent(ports, event),
    runs: async () =>
      (await cell.listRuns({ functionId: aFunction().id, after: 0, runsMax: 100, withEvents: true })).runs,
  };
}

let registered = 0;

/** A function with these triggers: each time a new version of the same. */
function cronFunction(...crons: string[]): FunctionDefinition {
  return aFunction({ version: ++registered, triggers: crons.map((cron) => ({ kind: 'cron', cron })) });
}

test('[E18] three loops, five minutes: a run a minute, with the event of the tick, however often that is delivered', async () => {
  const play = await startPlay();
  await play.register(cronFunction('* * * * *'));
  for (let i = 0; i < 3; i += 1) play.startLoop();

  const expected: string[] = [];
  for (let minute = 1; minute <= 5; minute += 1) {
    await play.clock.advanceTo(Date.parse(`2026-11-21T10:0${minute}:00.100Z`));
    await play.look();
    expected.push(`10:0${minute}:00Z`);
    await expect.poll(async () => new Set(await play.instants())).toEqual(new Set(expected));
  }
  for (const event of [...(await play.ticks()), ...(await play.ticks())]) await play.handle(event);

  const runs = await play.runs();
  const events = runs.map(({ events: text }) => (JSON.parse(text ?? '[]') as unknown[])[0]);
  expect(events).toHaveLength(5);
  expect(events).toMatchObject(
    expected.map((time) => ({
      name: 'inngest/scheduled.timer',
      id: `2026-11-21T${time}`,
      data: { cron: '* * * * *', scheduledAt: `2026-11-21T${time}`, fireAt: `2026-11-21T${time}` },
    })),
  );
});

test('[E22] nobody there for three ticks: afterwards one run, for the latest', async () => {
  const play = await startPlay();
  await play.register(cronFunction('* * * * *'));
  const before = play.startLoop();
  await play.clock.advanceTo(Date.parse('2026-11-21T10:01:00Z'));
  await expect.poll(async () => (await play.look(), play.instants())).toEqual(['10:01:00Z']);
  await before.stop();

  await play.clock.advanceTo(Date.parse('2026-11-21T10:04:30Z'));
  play.startLoop();

  await expect.poll(play.instants).toEqual(['10:01:00Z', '10:04:00Z']);
  await play.clock.advanceTo(Date.parse('2026-11-21T10:05:00Z'));
  await expect.poll(async () => (await play.look(), play.instants())).toEqual(['10:01:00Z', '10:04:00Z', '10:05:00Z']);
  for (const event of await play.ticks()) await play.handle(event);
  expect(await play.runs()).toHaveLength(3);
});

test('a trigger that is new, or there again, starts with the next tick', async () => {
  const play = await startPlay();
  await play.register(cronFunction('0 * * * *'));
  play.startLoop();
  await play.clock.advanceTo(Date.parse('2026-11-21T11:00:00Z'));
  await expect.poll(async () => (await play.look(), play.instants())).toEqual(['11:00:00Z']);

  await play.register(cronFunction());
  await play.clock.advanceTo(Date.parse('2026-11-21T14:30:00Z'));
  await play.register(cronFunction('0 * * * *', '30 * * * *'));
  await play.look();
  await play.clock.advanceTo(Date.parse('2026-11-21T15:00:00Z'));

  await expect.poll(async () => (await play.look(), play.instants())).toEqual(['11:00:00Z', '15:00:00Z']);
});

test('two triggers that are due at one instant start their function once', async () => {
  const play = await startPlay();
  await play.register(cronFunction('* * * * *', '*/2 * * * *'));
  play.startLoop();

  for (const ticks of [1, 3]) {
    await play.clock.advanceBy(MINUTE_MS);
    await expect.poll(async () => (await play.look(), (await play.ticks()).length)).toBe(ticks);
  }
  for (const event of await play.ticks()) await play.handle(event);

  expect(await play.runs()).toHaveLength(2);
});
