import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that wait longest, for backoffs of half a minute, for leases that run out, for services that come back. Begun
 * last they would hold up the end; Vitest by itself begins with the largest files where it remembers no times.
 */
const LONGEST = [
  'faults/services',
  'retries',
  'cli',
  'cron',
  'durable-endpoints',
  'faults/executor',
  'faults/flow-control',
  'faults/leftovers',
  'checkpoint',
  'gateway',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- the sequencer has this name for it
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = LONGEST.findIndex((name) => moduleId.endsWith(`tests/src/${name}.test.ts`));
  return rank < 0 ? LONGEST.length : rank;
}
