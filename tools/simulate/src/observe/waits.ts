/** Times in milliseconds, by group. */
export class Waits {
  readonly #samples = new Map<string, number[]>();

  add(group: string, ms: number): void {
    const samples = this.#samples.get(group);
    if (samples === undefined) this.#samples.set(group, [ms]);
    else samples.push(ms);
  }

  reset(): void {
    this.#samples.clear();
  }

  summaries(): WaitSummary[] {
    return [...this.#samples].map(([group, samples]) => summaryOf(group, samples));
  }
}

export interface WaitSummary {
  group: string;
  count: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

function summaryOf(group: string, samples: readonly number[]): WaitSummary {
  const sorted = Float64Array.from(samples).toSorted();
  return {
    group,
    count: sorted.length,
    p50: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
    max: percentile(sorted, 1),
  };
}

/** The nearest rank. 0 of nothing. */
export function percentile(sorted: Float64Array, part: number): number {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
}
