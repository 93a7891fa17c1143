import type { EventStream } from '@perdure/event-stream';
import { routeCells, type Store } from '@perdure/store';
import { recordingTelemetry } from '@perdure/telemetry/testing';
import { testClock } from '@perdure/testing';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { Ports } from '../ports.ts';
import { GaugesLoop } from './gauges-loop.ts';

const COUNTS = { runs: 5, delayed: 2, ready: 3, leased: 1, parkedLanes: 1, pauses: 4, outbox: 2 };

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

/** Gauges over cells that count what they are asked. */
function startGauges(cells: number) {
  const asked = { store: 0, stream: 0 };
  const clock = testClock();
  const cell = {
    counts: async () => (asked.store++, COUNTS),
    readOutbox: async () => (asked.store++, [{ seq: 1, at: clock.now() - 2_500, kind: 'event' }]),
  } as unknown as Store;
  const stream = {
    lag: async (group: string) => (asked.stream++, group === 'runner' ? 7 : 8),
    readDeadLetters: async (group: string) => (asked.stream++, group === 'runner' ? [{}] : []),
  } as unknown as EventStream;
  const telemetry = recordingTelemetry();
  const store = routeCells(Array.from({ length: cells }, () => cell));
  const loop = new GaugesLoop({ clock, store, stream, telemetry } as unknown as Ports);
  loop.start();
  onTestFinished(() => loop.stop());
  return { asked, telemetry, loop };
}

test('the store and the stream are read when somebody asks for the metrics', async () => {
  const { asked, telemetry } = startGauges(2);
  expect(asked).toEqual({ store: 0, stream: 0 });

  const text = await telemetry.metrics.render();

  expect(text).toContain('perdure_queue_jobs{cell="1",state="ready"} 3\n');
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

    // Two operations a cell for each reading, the first at once.
    expect(asked.store).toBeGreaterThan(0);
    expect(asked.store).toBeLessThanOrEqual(2 * 60 + 2 * cells);
    expect(asked.stream).toBeLessThanOrEqual(60);
  },
);

test('a process that stops shows no old numbers', async () => {
  const { telemetry, loop } = startGauges(1);
  await telemetry.metrics.render();

  await loop.stop();

  expect(await telemetry.metrics.render()).not.toMatch(/^(perdure_queue|perdure_stream|inngest_queue)/m);
});
