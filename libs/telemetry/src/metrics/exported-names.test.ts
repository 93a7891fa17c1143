import { readFile } from 'node:fs/promises';
import { parser as promql } from '@prometheus-io/lezer-promql';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { metricsTable } from './metric-docs.ts';
import { COPIES, METRICS } from './metric-table.ts';

const ROOT = new URL('../../../../', import.meta.url);

interface Rule {
  alert: string;
  expr: string;
  for?: string;
  labels: { severity: string };
  annotations: { summary: string; description: string };
}

interface Panel {
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string }[];
}

function read(path: string): Promise<string> {
  return readFile(new URL(path, ROOT), 'utf8');
}

/** Every name that a scrape can show. */
function exportedNames(): Set<string> {
  const names = Object.values(METRICS).flatMap(({ name, type }) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
  return new Set([...names, ...COPIES.map(({ name }) => name)]);
}

/** The names of metrics that a PromQL expression selects; throws when it is not well formed. */
function selectedNames(expr: string): string[] {
  const names: string[] = [];
  // What Grafana fills in stands for a duration or a label's value.
  const text = expr.replaceAll('$__rate_interval', '5m').replaceAll('$__range', '1h');
  promql.parse(text).iterate({
    enter: (node) => {
      if (node.type.isError) throw new Error(`not PromQL at ${node.from}: ${text}`);
      if (node.name === 'VectorSelector') names.push(/^\w+/.exec(text.slice(node.from, node.to))?.[0] ?? '');
    },
  });
  return names;
}

async function readRules(): Promise<Rule[]> {
  const { groups } = parse(await read('deploy/prometheus/alerts.yml')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

async function readPanels(): Promise<Panel[]> {
  const { panels } = JSON.parse(await read('deploy/grafana/dashboards/perdure.json')) as { panels: Panel[] };
  return panels;
}

test('an expression that is not PromQL is noticed', () => {
  expect(() => selectedNames('sum(rate(perdure_info[5m])')).toThrow('not PromQL');
  expect(selectedNames('sum(perdure_info{a="b"}) / rate(perdure_x_total[5m])')).toEqual([
    'perdure_info',
    'perdure_x_total',
  ]);
});

describe('the alert rules', () => {
  test('use metrics that there are', async () => {
    const rules = await readRules();

    const used = rules.flatMap(({ expr }) => selectedNames(expr));

    expect(rules.length).toBeGreaterThan(5);
    expect(used.filter((name) => !exportedNames().has(name))).toEqual([]);
  });

  test('say what is wrong and what to do', async () => {
    for (const rule of await readRules()) {
      expect(rule).toMatchObject({
        alert: expect.stringMatching(/^Perdure[A-Z]\w+$/),
        labels: { severity: expect.stringMatching(/^(critical|warning)$/) },
        annotations: { summary: expect.stringMatching(/\.$/), description: expect.stringMatching(/\.$/) },
      });
    }
  });
});

describe('the dashboard', () => {
  test('uses metrics that there are', async () => {
    const panels = await readPanels();

    const used = panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => selectedNames(expr)));

    expect(used.length).toBeGreaterThan(20);
    expect(used.filter((name) => !exportedNames().has(name))).toEqual([]);
  });

  test('has panels that do not overlap', async () => {
    const taken = new Set<string>();
    for (const { title, gridPos } of await readPanels()) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken, title).not.toContain(`${x},${y}`);
          taken.add(`${x},${y}`);
        }
      }
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
    }
  });
});

test('the documentation has every metric as the code exports it', async () => {
  expect(squeezed(await read('docs/metrics.md'))).toContain(squeezed(metricsTable()));
});

/** Without the padding that a formatter gives to tables. */
function squeezed(markdown: string): string {
  return markdown.replace(/-{3,}/g, '---').replace(/ {2,}/g, ' ');
}
