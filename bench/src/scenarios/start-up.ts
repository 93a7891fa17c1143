import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Figure } from '../report/figure.ts';
import { median } from '../report/statistics.ts';
import type { Scenario } from './scenario.ts';

const NAME = 'start-up';

/** From spawning the process to the first answer that says it is ready: with an empty folder, and again. */
export const startUp: Scenario = {
  name: NAME,
  measures: 'start-up time with an empty folder and with its own data',
  async run({ startServer, isQuick }): Promise<Figure[]> {
    if (startServer === undefined) return [];
    const [empty, again]: [number[], number[]] = [[], []];
    for (let round = 0; round < (isQuick ? 1 : 3); round++) {
      const dataDir = await mkdtemp(join(tmpdir(), 'perdure-bench-'));
      try {
        for (const samples of [empty, again]) {
          const server = await startServer(dataDir);
          samples.push(server.startedInMs);
          await server.stop();
        }
      } finally {
        await rm(dataDir, { recursive: true, force: true });
      }
    }
    return [
      { scenario: NAME, name: 'empty folder', value: median(empty), unit: 'ms', goal: { atMost: 3_000 } },
      { scenario: NAME, name: 'second start', value: median(again), unit: 'ms', goal: { atMost: 1_500 } },
    ];
  },
};
