import { afterEach, describe, expect, test, vi } from 'vitest';
import { METRICS } from './metric-table.ts';
import { createMetrics } from './metrics.ts';
import type { Sample } from './sampling.ts';

function openMetrics() {
  const failures: [string, unknown][] = [];
  const metrics = createMetrics({ onSampleFailed: (source, error) => failures.push([source, error]) });
  return { metrics, failures };
}

async function lines(metrics: { render(): Promise<string> }, start: string): Promise<string[]> {
  return (await metrics.render()).split('\n').filter((line) => line.startsWith(start));
}

describe('a metric', () => {
  test('shows what was counted, by its labels', async () => {
    const { metrics } = openMetrics();

    metrics.eventsReceived.add(2);
    metrics.eventsReceived.add(3);
    metrics.runsEnded.add(1, 'shop-checkout', 'failed');

    expect(await lines(metrics, 'perdure_events_received_total')).toEqual(['perdure_events_received_total 5']);
    expect(await lines(metrics, 'perdure_runs_ended_total')).toEqual([
      'perdure_runs_ended_total{function="shop-checkout",status="failed"} 1',
    ]);
  });

  test('says what it is', async () => {
    const text = await openMetrics().metrics.render();

    for (const { name, type } of Object.values(METRICS)) expect(text).toContain(`# TYPE ${name} ${type}\n`);
  });

  test('cannot be broken up by a label', async () => {
    const { metrics } = openMetrics();

    metrics.runsScheduled.add(1, 'a"} 9\nforged{b="\\');

    expect(await lines(metrics, 'perdure_runs_scheduled_total')).toEqual([
      'perdure_runs_scheduled_total{function="a\\"} 9\\nforged{b=\\"\\\\"} 1',
    ]);
  });

  test('tells a bounded number of functions apart and counts the others together', async () => {
    const { metrics } = openMetrics();

    for (let i = 0; i < 1_005; i++) metrics.runsEnded.add(1, `fn-${i}`, 'completed');
    metrics.runsEnded.add(1, 'fn-0', 'completed');

    const found = await lines(metrics, 'perdure_runs_ended_total');
    expect(found).toHaveLength(1_001);
    expect(found[0]).toBe('perdure_runs_ended_total{function="fn-0",status="completed"} 2');
    expect(found.at(-1)).toBe('perdure_runs_ended_total{function="other",status="completed"} 5');
  });
});

describe('a metric of Inngest', () => {
  test('is that of ours under another name and with other labels', async () => {
    const { metrics } = openMetrics();

    metrics.runsScheduled.add(3, 'shop-checkout');
    metrics.runsEnded.add(2, 'shop-checkout', 'completed');
    metrics.callSeconds.observe(0.2, 'shop-checkout', 'success');
    metrics.callSeconds.observe(0.3, 'shop-checkout', 'success');
    metrics.jobsTaken.add(1, 'shop-checkout', 'claimed');
    metrics.jobsTaken.add(4, 'shop-checkout', 'chained');

    for (let scrape = 0; scrape < 2; scrape++) {
      expect(await lines(metrics, 'inngest_')).toEqual([
        'inngest_function_run_scheduled_total{fn="shop-checkout"} 3',
        'inngest_function_run_ended_total{fn="shop-checkout",status="completed"} 2',
        'inngest_sdk_req_scheduled_total{fn="shop-checkout"} 5',
        'inngest_sdk_req_ended_total{fn="shop-checkout",status="success"} 2',
      ]);
    }
  });
});

test('only the metrics of a prefix are read and shown', async () => {
  const { metrics } = openMetrics();
  let reads = 0;
  metrics.sample({ name: 'stream', metrics: ['streamLag'], freshMs: 0, read: () => (reads++, []) });
  const depth: Sample[] = [{ metric: 'inngestQueueDepth', value: 4 }];
  metrics.sample({ name: 'store', metrics: ['runsLive', 'inngestQueueDepth'], freshMs: 0, read: () => depth });

  const text = await metrics.render('inngest_');

  expect(text).toContain('inngest_queue_depth 4\n');
  expect(text).not.toContain('perdure_');
  expect(reads).toBe(0);
});

test('a gauge that nothing reads has no value', async () => {
  expect(await lines(openMetrics().metrics, 'perdure_stream_lag_messages')).toEqual([]);
});

describe('a source', () => {
  afterEach(() => vi.useRealTimers());

  test('is read once however often it is asked for, until its answer is too old', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { metrics } = openMetrics();
    let reads = 0;
    const read = (): Sample[] => [{ metric: 'runsLive', value: ++reads, labels: ['0'] }];
    metrics.sample({ name: 'store', metrics: ['runsLive'], freshMs: 5_000, read });

    await Promise.all([metrics.render(), metrics.render(), metrics.render()]);
    vi.advanceTimersByTime(4_999);
    expect(await lines(metrics, 'perdure_runs_live')).toEqual(['perdure_runs_live{cell="0"} 1']);
    vi.advanceTimersByTime(1);
    expect(await lines(metrics, 'perdure_runs_live')).toEqual(['perdure_runs_live{cell="0"} 2']);

    expect(reads).toBe(2);
  });

  test('that fails has no value, is reported, and the rest is shown', async () => {
    const { metrics, failures } = openMetrics();
    const error = new Error('the store is away');
    let isAway = false;
    metrics.sample({
      name: 'store',
      metrics: ['runsLive'],
      freshMs: 0,
      read: async () => {
        if (isAway) throw error;
        return [{ metric: 'runsLive', value: 7, labels: ['0'] }];
      },
    });
    metrics.eventsReceived.add(1);

    expect(await lines(metrics, 'perdure_runs_live')).toHaveLength(1);
    isAway = true;

    expect(await lines(metrics, 'perdure_runs_live')).toEqual([]);
    expect(await lines(metrics, 'perdure_events_received_total')).toEqual(['perdure_events_received_total 1']);
    expect(failures[0]).toEqual(['store', error]);
  });

  test('that does not answer holds up a scrape for a bounded time only, and is not asked twice', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { metrics } = openMetrics();
    let reads = 0;
    const never = new Promise<Sample[]>(() => {});
    const read = (): Promise<Sample[]> => (reads++, never);
    metrics.sample({ name: 'store', metrics: ['runsLive'], freshMs: 0, read });

    const scrapes = [metrics.render(), metrics.render()];
    await vi.advanceTimersByTimeAsync(2_000);

    expect((await Promise.all(scrapes))[0]).toContain('perdure_events_received_total 0');
    expect(reads).toBe(1);
  });

  test('that is taken out again leaves nothing behind', async () => {
    const { metrics } = openMetrics();
    const read = (): Sample[] => [{ metric: 'dutiesHeld', value: 1, labels: ['upkeep'] }];
    const remove = metrics.sample({ name: 'duties', metrics: ['dutiesHeld'], freshMs: 0, read });
    expect(await lines(metrics, 'perdure_duties_held')).toHaveLength(1);

    remove();

    expect(await lines(metrics, 'perdure_duties_held')).toEqual([]);
  });
});
