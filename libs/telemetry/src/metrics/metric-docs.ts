import { COPIES, METRICS, type MetricSpec } from './metric-table.ts';

/** The table of all metrics for people, as `docs/metrics.md` has it. */
export function metricsTable(): string {
  const rows = Object.values(METRICS).map((spec: MetricSpec) => rowOf(spec));
  const copies = COPIES.map(({ name, source, labels, help }) => {
    const what = `${help} The same as \`${METRICS[source].name}\`.`;
    return row([code(name), 'counter', Object.keys(labels).map(code).join(', '), what, '']);
  });
  return [row(['name', 'type', 'labels', 'meaning', 'what to do']), row(['---', '---', '---', '---', '---'])]
    .concat(rows, copies)
    .join('\n');
}

function rowOf({ name, type, labels, help, advice }: MetricSpec): string {
  return row([code(name), type, labels.map(code).join(', '), help, advice]);
}

function row(cells: string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}
