import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from './metrics.ts';
import type { Sample } from './sampling.ts';

/** Coarse, because each look wakes the process: at 20 ms that alone costs 0.2 % of a core, at 100 ms 0.05 %. */
const RESOLUTION_MS = 100;

/** Counts what the process itself uses. The returned function ends it. */
export function measureProcess(metrics: Metrics, about: { version: string; roles: readonly string[] }): () => void {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  let cpuBefore = 0;
  const read = (): Sample[] => {
    const { rss, heapUsed } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const cpu = (user + system) / 1e6;
    metrics.processCpu.add(cpu - cpuBefore);
    cpuBefore = cpu;
    const [median, high, max] = [delays.percentile(50), delays.percentile(99), delays.max].map(delayOf);
    delays.reset();
    return [
      { metric: 'info', value: 1, labels: [about.version, about.roles.join(',')] },
      { metric: 'processStart', value: performance.timeOrigin / 1e3 },
      { metric: 'processResident', value: rss },
      { metric: 'heapUsed', value: heapUsed },
      { metric: 'eventLoopDelay', value: median ?? 0, labels: ['0.5'] },
      { metric: 'eventLoopDelay', value: high ?? 0, labels: ['0.99'] },
      { metric: 'eventLoopDelay', value: max ?? 0, labels: ['1'] },
    ];
  };
  const unsample = metrics.sample({
    name: 'process',
    metrics: ['info', 'processStart', 'processResident', 'heapUsed', 'eventLoopDelay'],
    freshMs: 0,
    read,
  });
  return () => {
    delays.disable();
    unsample();
  };
}

/** What is recorded is the time between two looks. */
function delayOf(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1e3);
}
