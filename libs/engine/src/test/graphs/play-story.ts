import { assert } from '@perdure/domain';
import { findLeftovers, type Store } from '@perdure/store';
import { testClock, type TestClock } from '@perdure/testing';
import fc from 'fast-check';
import { checkStory } from './check-story.ts';
import { Choices } from './choices.ts';
import { chances, stories } from './random-story.ts';
import { Simulation } from './simulation.ts';
import type { Story } from './step-graph.ts';

/** Empty cells of their own, on this clock, and how to leave them. */
export type OpenCells = (options: {
  cells: number;
  clock: TestClock;
}) => Promise<{ cells: readonly Store[]; close: () => Promise<void> }>;

/**
 * Plays `count` random stories. A failure says how to repeat it: fast-check's seed and path, and the smallest story that it
 * found.
 */
export function playStories(
  open: OpenCells,
  { count, seed, path }: { count: number; seed: number; path?: string },
): Promise<void> {
  const story = fc.asyncProperty(stories, chances, (what, values) => playStory(open, what, values));
  return fc.assert(story, { numRuns: count, seed, ...(path !== undefined && { path }) });
}

/** Plays one story and checks that it ends as the model has it, and that nothing is left of it. */
export async function playStory(open: OpenCells, story: Story, values: readonly number[]): Promise<void> {
  const clock = testClock();
  const { cells, close } = await open({ cells: story.cells, clock });
  try {
    const simulation = new Simulation({ story, cells, clock, choices: new Choices(values) });
    await simulation.play();
    checkStory(story, simulation);
    for (const cell of cells) await expectEmpty(cell);
  } finally {
    await close();
  }
}

async function expectEmpty(cell: Store): Promise<void> {
  while ((await cell.collectGarbage(100)) > 0);
  const broken = await cell.checkInvariants();
  assert(broken.length === 0, `invariants of the store: ${broken.join('; ')}`);
  const left = findLeftovers(await cell.dump());
  assert(left.length === 0, `nothing is left in the store: ${left.join(' ')}`);
}
