/**
 * Jain's index of shares: 1 when all are equal, 1/n when one has everything (R. Jain, D. Chiu, W. Hawe: A quantitative measure
 * of fairness and discrimination, 1984).
 */
export function jainIndex(shares: readonly number[]): number {
  let sum = 0;
  let squares = 0;
  for (const share of shares) {
    sum += share;
    squares += share * share;
  }
  return squares === 0 ? 1 : (sum * sum) / (shares.length * squares);
}

export interface Fairness {
  /** Among what: functions, tenants ... */
  among: string;
  count: number;
  jain: number;
  /** The least and the most that one got, 1 being its fair share. */
  least: number;
  most: number;
}

/** `served`: what each got, by name; those that `weights` does not name weigh 1. */
export function fairnessOf(
  among: string,
  served: ReadonlyMap<string, number>,
  weights?: ReadonlyMap<string, number>,
): Fairness {
  const perWeight = [...served].map(([name, amount]) => amount / (weights?.get(name) ?? 1));
  const mean = perWeight.reduce((sum, share) => sum + share, 0) / perWeight.length;
  const shares = perWeight.map((share) => (mean === 0 ? 1 : share / mean));
  return {
    among,
    count: shares.length,
    jain: jainIndex(shares),
    least: shares.reduce((least, share) => Math.min(least, share), Infinity),
    most: shares.reduce((most, share) => Math.max(most, share), 0),
  };
}
