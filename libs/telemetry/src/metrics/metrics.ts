import { setImmediate as turn } from 'node:timers/promises';
import { Counter as PromCounter, Gauge as PromGauge, Histogram as PromHistogram, Registry } from 'prom-client';
import { Children } from './children.ts';
import { COPIES, type CopySpec, METRICS, type MetricKey, type MetricSpec } from './metric-table.ts';
import { type GaugeKey, type Sample, Sampling, type Source } from './sampling.ts';

type Values<L extends readonly string[]> = { readonly [I in keyof L]: string };

export interface Counter<L extends readonly string[]> {
  add(count: number, ...labels: Values<L>): void;
}

export interface Gauge<L extends readonly string[]> {
  add(change: number, ...labels: Values<L>): void;
  set(value: number, ...labels: Values<L>): void;
}

export interface Histogram<L extends readonly string[]> {
  observe(value: number, ...labels: Values<L>): void;
}

type Instrument<S extends MetricSpec> = S['type'] extends 'counter'
  ? Counter<S['labels']>
  : S['type'] extends 'gauge'
    ? Gauge<S['labels']>
    : Histogram<S['labels']>;

/** Every metric of the table, typed by its labels. Counting takes 0.03 to 0.45 microseconds and never fails. */
export type Instruments = { readonly [K in MetricKey]: Instrument<(typeof METRICS)[K]> };

export interface Metrics extends Instruments {
  /** Adds something that is read when the metrics are asked for; the returned function takes it out again. */
  sample(source: Source): () => void;
  /**
   * The text format 0.0.4 of Prometheus, of metrics whose names start with `prefix`. Never fails: what cannot be read is
   * left out.
   */
  render(prefix?: string): Promise<string>;
}

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** Functions told apart in counters and gauges, in order of appearance; all further ones are `other`. */
const FUNCTIONS_MAX = 1_000;
/** The same for histograms, which have a line for each bucket. */
const HISTOGRAM_FUNCTIONS_MAX = 200;

interface AnyInstrument {
  add?(count: number, ...labels: readonly string[]): void;
  set?(value: number, ...labels: readonly string[]): void;
  observe?(value: number, ...labels: readonly string[]): void;
  clear?(): void;
}

/** Metrics that count. `onSampleFailed` is told the source that could not be read, and why. */
export function createMetrics(options: { onSampleFailed: (source: string, error: unknown) => void }): Metrics {
  const registry = new Registry();
  const sampling = new Sampling(options.onSampleFailed);
  const instruments = {} as Record<MetricKey, AnyInstrument>;
  for (const key of Object.keys(METRICS) as MetricKey[]) instruments[key] = instrumentOf(METRICS[key], registry);
  for (const copy of COPIES) registerCopy(copy, registry);
  const apply = ({ metric, value, labels = [] }: Sample): void => instruments[metric].set?.(value, ...labels);
  const clear = (metrics: readonly GaugeKey[]): void => {
    for (const metric of metrics) instruments[metric].clear?.();
  };
  return {
    ...(instruments as Instruments),
    sample: (source) => sampling.add(source, () => clear(source.metrics)),
    async render(prefix = '') {
      const isWanted = (metric: MetricKey): boolean => METRICS[metric].name.startsWith(prefix);
      for (const { metrics, samples } of await sampling.read((source) => source.metrics.some(isWanted))) {
        clear(metrics);
        for (const sample of samples) apply(sample);
      }
      return renderAll(registry, prefix);
    },
  };
}

/** Metrics that nobody asks for. */
export const silentMetrics: Metrics = {
  ...(Object.fromEntries(
    Object.keys(METRICS).map((key) => [key, { add() {}, set() {}, observe() {} }]),
  ) as unknown as Instruments),
  sample: () => () => {},
  render: async () => '',
};

function instrumentOf(spec: MetricSpec, registry: Registry): AnyInstrument {
  const { name, help } = spec;
  const config = { name, help, labelNames: [...spec.labels], registers: [registry] };
  const hasFunctions = spec.labels[0] === 'function';
  switch (spec.type) {
    case 'counter': {
      const counter = new PromCounter(config);
      const make = (labels: readonly string[]) => counter.labels(...labels.slice(0, spec.labels.length));
      const children = new Children(make, hasFunctions ? FUNCTIONS_MAX : Infinity);
      return { add: (count, first, second) => children.of(first, second).inc(count) };
    }
    case 'gauge': {
      const gauge = new PromGauge(config);
      const clear = (): void => {
        gauge.reset();
        // A gauge without labels would be 0 where nothing reads it.
        if (spec.labels.length === 0) gauge.remove();
      };
      clear();
      return {
        add: (change, ...labels) => gauge.labels(...labels).inc(change),
        set: (value, ...labels) => gauge.labels(...labels).set(value),
        clear,
      };
    }
    case 'histogram': {
      const histogram = new PromHistogram({ ...config, buckets: [...(spec.buckets ?? [])] });
      const functionsMax = hasFunctions ? HISTOGRAM_FUNCTIONS_MAX : Infinity;
      const make = (labels: readonly string[]) => histogram.labels(...labels.slice(0, spec.labels.length));
      const children = new Children(make, functionsMax);
      return { observe: (value, first, second) => children.of(first, second).observe(value) };
    }
  }
}

/** A histogram is copied by its count. */
function registerCopy({ name, source, labels, help }: CopySpec, registry: Registry): void {
  const { name: sourceName, type } = METRICS[source];
  const copy: PromCounter = new PromCounter({
    name,
    help,
    labelNames: Object.keys(labels),
    registers: [registry],
    async collect() {
      this.reset();
      const read = await registry.getSingleMetric(sourceName)?.get();
      for (const value of read?.values ?? []) {
        const part = 'metricName' in value ? value.metricName : undefined;
        if (type === 'histogram' && part !== `${sourceName}_count`) continue;
        const own = Object.entries(labels).map(([to, from]) => [to, value.labels[from] ?? 'unknown']);
        copy.inc(Object.fromEntries(own) as Record<string, string>, value.value);
      }
    },
  });
}

/** Metric by metric with a turn of the event loop between, so that a scrape never holds up work for long. */
async function renderAll(registry: Registry, prefix: string): Promise<string> {
  const parts: string[] = [];
  for (const { name } of registry.getMetricsAsArray()) {
    if (!name.startsWith(prefix)) continue;
    parts.push(await registry.getSingleMetricAsString(name));
    await turn();
  }
  return `${parts.join('\n')}\n`;
}
