/** One measured figure. */
export interface Figure {
  /** Which scenario measured it: what `--only` takes. */
  scenario: string;
  name: string;
  value: number;
  unit: 'ms' | '1/s' | 'MiB' | '%' | 'us' | 'calls';
  /** The same work with nothing between client and application, measured in the same run. */
  ceiling?: number;
  /** What the project asks for, and whether more or less is better. */
  goal?: { atMost: number } | { atLeast: number };
}

export function goalIsMet({ value, goal }: Figure): boolean | undefined {
  if (goal === undefined) return undefined;
  return 'atMost' in goal ? value <= goal.atMost : value >= goal.atLeast;
}
