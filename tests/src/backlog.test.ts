import { expect, test } from 'vitest';

import { expectWithin } from './harness/expect-within.ts';
import { useServer } from './harness/fixture.ts';
import { until } from './harness/poll.ts';
import { Timeline } from './harness/timeline.ts';

const BACKLOG = 10_000;
const EVENTS_PER_REQUEST = 5_000;
const OTHERS = 5;

const system = useServer();

test(`[E91] ${BACKLOG} runs that wait for one function do not keep another function's run waiting`, async (ctx) => {
  const seen = new Timeline();
  await system.sdkApp(ctx, {
    id: 'e91',
    functions: () => [
      {
        id: 'busy',
        on: { event: 'e91/busy' },
        retries: 0,
        options: { concurrency: 1 },
        run: () => seen.during('busy', 20),
      },
      {
        id: 'other',
        on: { event: 'e91/other' },
        retries: 0,
        run: ({ event }) => seen.note(`other ${String(event.data['n'])}`),
      },
    ],
  });
  const ids: string[] = [];
  for (let sent = 0; sent < BACKLOG; sent += EVENTS_PER_REQUEST) {
    const events = Array.from({ length: EVENTS_PER_REQUEST }, () => ({ name: 'e91/busy' }));
    ids.push(...(await system.api.send(...events)));
  }
  await until(
    'a run of each event',
    async () => {
      const last = await Promise.all(ids.slice(-3).map((id) => system.api.runsOf(id)));
      return last.every((runs) => runs.length === 1) || undefined;
    },
    { waitMs: 60_000 },
  );

  for (let n = 0; n < OTHERS; n += 1) {
    const sentAt = performance.now();
    await system.api.sendOne({ name: 'e91/other', data: { n } });
    await until(`run ${n} of the other function`, () => seen.starts(`other ${n}`)[0]);
    expectWithin((seen.starts(`other ${n}`)[0] ?? 0) - sentAt, [0, 1_000], `run ${n}`);
  }

  // It was a backlog until the end, and it was worked on.
  expect(seen.starts('busy').length).toBeGreaterThan(OTHERS);
  expect(seen.starts('busy').length).toBeLessThan(BACKLOG / 2);
  expect(seen.atOnce((name) => name === 'busy')).toBe(1);
}, 180_000);
