import type { METRICS, MetricKey } from './metric-table.ts';

export type GaugeKey = { [K in MetricKey]: (typeof METRICS)[K]['type'] extends 'gauge' ? K : never }[MetricKey];

export interface Sample {
  metric: GaugeKey;
  value: number;
  /** In the order of the table. */
  labels?: readonly string[];
}

/** Gauges that are read when somebody asks for the metrics. */
export interface Source {
  name: string;
  /** All that `read` may answer: what it does not, or all when it fails, has no value. */
  metrics: readonly GaugeKey[];
  /** What was read is good for this long, however often it is asked for. */
  freshMs: number;
  read: () => Promise<readonly Sample[]> | readonly Sample[];
}

/** A source that does not answer within this time is left out, so that a scrape is answered while a port is away. */
const READ_MS = 2_000;

interface Entry {
  source: Source;
  samples: readonly Sample[];
  readAt: number;
  reading: Promise<void> | undefined;
}

/** The sources of a process, each read at most once within the time for which its answer is good. */
export class Sampling {
  readonly #entries = new Set<Entry>();
  readonly #onFailed: (source: string, error: unknown) => void;

  constructor(onFailed: (source: string, error: unknown) => void) {
    this.#onFailed = onFailed;
  }

  add(source: Source, onRemoved: () => void): () => void {
    const entry: Entry = { source, samples: [], readAt: -Infinity, reading: undefined };
    this.#entries.add(entry);
    return () => {
      if (this.#entries.delete(entry)) onRemoved();
    };
  }

  async read(
    isWanted: (source: Source) => boolean,
  ): Promise<{ metrics: readonly GaugeKey[]; samples: readonly Sample[] }[]> {
    const entries = [...this.#entries].filter(({ source }) => isWanted(source));
    await Promise.all(entries.map((entry) => this.#refresh(entry)));
    return entries.map(({ source, samples }) => ({ metrics: source.metrics, samples }));
  }

  /** Waits for the reading under way, or begins one when the last is too old. */
  async #refresh(entry: Entry): Promise<void> {
    if (entry.reading === undefined && performance.now() - entry.readAt < entry.source.freshMs) return;
    entry.reading ??= this.#readSource(entry).finally(() => {
      entry.reading = undefined;
      // From the end of the reading: a slow port is not asked again and again.
      entry.readAt = performance.now();
    });
    if (await isLate(entry.reading, READ_MS)) entry.samples = [];
  }

  async #readSource(entry: Entry): Promise<void> {
    try {
      entry.samples = await entry.source.read();
    } catch (error) {
      entry.samples = [];
      this.#onFailed(entry.source.name, error);
    }
  }
}

async function isLate(promise: Promise<void>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(true), ms);
  const isDone = promise.then(() => false);
  const answer = await Promise.race([isDone, late]);
  clearTimeout(timer);
  return answer;
}
