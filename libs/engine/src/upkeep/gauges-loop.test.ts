import type { EventStream } from '@perdure/event-stream';
import { routeCells, type Store } from '@perdure/store';
import { recordingTelemetry } from '@perdure/telemetry/testing';
import { testClock } from '@perdure/testing';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { Ports } from '../ports.ts';
import { GaugesLoop } from './gauges-loop.ts';

const COUNTS = { runs: 5, delayed: 2, ready: 3, leased: 1, parkedLanes: 1, pauses: 4, outbox: 2 };
/** The lanes of a cell: function, ready jobs, how long the next of them is ready. */
type Lane = [functionId: string, jobs: number, readyMs: number];
const LANES: Lane[] = [
  ['checkout', 2, 2_500],
  ['mail', 1, 500],
];

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** Gauges over cells that count what they are asked. */
function startGauges(cells: number, lanes = LANES) {
  const asked = { store: 0, stream: 0 };
  const clock = testClock();
  const cell = {
    counts: async () => (asked.store++, COUNTS),
    queueDepths: async ({ after, lanesMax }: { after: number; lanesMax: number }) => {
      asked.store++;
      const functions = lanes
        .slice(after, after + lanesMax)
        .map(([functionId, jobs, readyMs]) => ({ functionId, jobs, oldestReadyAt: clock.now() - readyMs }));
      return { functions, after: after + lanesMax, isLast: after + lanesMax >= lanes.length };
    },
    readOutbox: async () => (asked.store++, [{ seq: 1, at: clock.now() - 2_500, kind: 'event' }]),
  } as unknown as Store;
  const stream = {
    lag: async (group: string) => (asked.stream++, group === 'runner' ? 7 : 8),
    readDeadLetters: async (group: string) => (asked.stream++, group === 'runner' ? [{}] : []),
  } as unknown as EventStream;
  const telemetry = recordingTelemetry();
  const store = routeCells(Array.from({ length: cells }, () => cell));
  const catalog = { index: { findById: (id: string) => (id === 'gone' ? undefined : { slug: `shop-${id}` }) } };
  const loop = new GaugesLoop({ clock, store, stream, telemetry, catalog } as unknown as Ports);
  loop.start();
  onTestFinished(() => loop.stop());
  return { asked, telemetry, loop };
}

test('the store and the stream are read when somebody asks for the metrics', async () => {
  const { asked, telemetry } = startGauges(2);
  expect(asked).toEqual({ store: 0, stream: 0 });

  const text = await telemetry.metrics.render();

  expect(text).toContain('perdure_queue_jobs{cell="1",state="ready"} 3\n');
  expect(text).toContain('perdure_function_ready_jobs{function="shop-checkout"} 4\n');
  expect(text).toContain('perdure_function_oldest_ready_seconds{function="shop-checkout"} 2.5\n');
  expect(text).toContain('perdure_function_ready_jobs{function="shop-mail"} 2\n');
  expect(text).toContain('perdure_outbox_oldest_seconds{cell="0"} 2.5\n');
  expect(text).toContain('inngest_queue_depth 6\n');
  expect(text).toContain('perdure_stream_lag_messages 7\n');
  expect(text).toContain('perdure_history_lag_messages 8\n');
  expect(text).toContain('perdure_dead_letters{group="runner"} 1\n');
});

test.each([1, 4, 16])(
  'scraped ten times a second for a minute, the %i cells are asked less than 2 times a second together',
  async (cells) => {
    const { asked, telemetry } = startGauges(cells);

    for (let scrape = 0; scrape < 600; scrape++) {
      await telemetry.metrics.render();
      vi.advanceTimersByTime(100);
    }

    // Three operations a cell for each reading, the first at once.
    expect(asked.store).toBeGreaterThan(0);
    expect(asked.store).toBeLessThanOrEqual(2 * 60 + 3 * cells);
    expect(asked.stream).toBeLessThanOrEqual(60);
  },
);

test('very many lanes are read a page at a time, and of very many functions those with the most jobs are told apart', async () => {
  const lanes = Array.from({ length: 2_500 }, (_, i): Lane => [String(i), i < 1_000 ? 2 : 1, 1_000]);
  const { asked, telemetry } = startGauges(1, lanes);

  const text = await telemetry.metrics.render();

  expect(asked.store).toBe(3 + 2);
  expect(text).toContain('inngest_queue_depth 3500\n');
  expect(text).toContain('perdure_function_ready_jobs{function="shop-999"} 2\n');
  expect(text).not.toContain('perdure_function_ready_jobs{function="shop-1000"}');
  expect(text).toContain('perdure_function_ready_jobs{function="other"} 1500\n');
});

test('lanes without end do not keep a reading going', async () => {
  const lanes = Array.from({ length: 20_000 }, (): Lane => ['gone', 1, 0]);
  const { asked, telemetry } = startGauges(1, lanes);

  const text = await telemetry.metrics.render();

  expect(asked.store).toBe(10 + 2);
  expect(text).toContain('perdure_function_ready_jobs{function="unknown"} 10000\n');
});

test('a process that stops shows no old numbers', async () => {
  const { telemetry, loop } = startGauges(1);
  await telemetry.metrics.render();

  await loop.stop();

  expect(await telemetry.metrics.render()).not.toMatch(
    /^(perdure_queue|perdure_function|perdure_stream|inngest_queue)/m,
  );
});
