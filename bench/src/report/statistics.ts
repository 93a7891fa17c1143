/**
 * The smallest sample that at least `share` of all samples do not exceed (nearest rank): never an invented value
 * between two samples. `share` lies in (0, 1].
 */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5);
}

/** How often a second something happened that took `ms` for `count` times. */
export function perSecond(count: number, ms: number): number {
  return (count / ms) * 1_000;
}
