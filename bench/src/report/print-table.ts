import { goalIsMet, type Figure } from './figure.ts';

const COLUMNS = ['scenario', 'figure', 'value', 'unit', 'ceiling', 'ratio', 'goal', ''] as const;
const RIGHT_ALIGNED: ReadonlySet<number> = new Set([2, 4, 5]);

/** The figures as a text table, a line each. */
export function formatTable(figures: readonly Figure[]): string {
  const rows = [[...COLUMNS], ...figures.map(cells)];
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, i) => pad(cell, i, widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  lines.splice(
    1,
    0,
    widths
      .map((width) => '-'.repeat(width))
      .join('  ')
      .trimEnd(),
  );
  return lines.join('\n');
}

function pad(cell: string, column: number, width: number): string {
  return RIGHT_ALIGNED.has(column) ? cell.padStart(width) : cell.padEnd(width);
}

function cells(figure: Figure): string[] {
  const { scenario, name, value, unit, ceiling } = figure;
  return [
    scenario,
    name,
    formatNumber(value),
    unit,
    ceiling === undefined ? '' : formatNumber(ceiling),
    ceiling === undefined ? '' : (value / ceiling).toFixed(2),
    goalText(figure),
    { true: 'met', false: 'MISSED', undefined: '' }[String(goalIsMet(figure))] ?? '',
  ];
}

function goalText({ goal }: Figure): string {
  if (goal === undefined) return '';
  return 'atMost' in goal ? `<= ${formatNumber(goal.atMost)}` : `>= ${formatNumber(goal.atLeast)}`;
}

/** Three digits that matter, or whole numbers from a hundred on. */
function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
