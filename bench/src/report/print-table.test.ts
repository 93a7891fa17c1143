import { expect, test } from 'vitest';

import { formatTable } from './print-table.ts';

test('the table lines up, gives ratios to the ceiling, and says which goals are missed', () => {
  const table = formatTable([
    {
      scenario: 'steps',
      name: 'steps a second',
      value: 4_123.4,
      unit: '1/s',
      ceiling: 16_000,
      goal: { atLeast: 4_000 },
    },
    { scenario: 'latency', name: 'p50', value: 4.567, unit: 'ms', goal: { atMost: 4 } },
    { scenario: 'memory', name: 'at rest', value: 99.99, unit: 'MiB' },
  ]);

  expect(table.split('\n')).toEqual([
    'scenario  figure          value  unit  ceiling  ratio  goal',
    '--------  --------------  -----  ----  -------  -----  -------  ------',
    'steps     steps a second   4123  1/s     16000   0.26  >= 4000  met',
    'latency   p50              4.57  ms                    <= 4     MISSED',
    'memory    at rest           100  MiB',
  ]);
});
