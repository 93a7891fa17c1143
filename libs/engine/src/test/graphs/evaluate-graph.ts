import type { Node, Step } from './step-graph.ts';

/** A step's outcome as the function sees it. `at` is its place on the stack. */
export type Memo = { at: number } & ({ text: string } | { error: string });

/** How far a function comes. `at` is the place on the stack of what settled it; -1 when it needed nothing. */
export type Progress =
  | { kind: 'pending' }
  | { kind: 'returned'; text: string; at: number }
  | { kind: 'threw'; error: string; at: number };

/** A step that the function asks for and has no outcome of yet. */
export interface Found {
  step: Step;
  /** It stands in a marked race. */
  isRace: boolean;
}

/**
 * Runs a function as an SDK replays it: promises settle in the order of the stack, and what is asked for without an
 * outcome is found, in the order in which the function asks. Losers of a race go on for as long as the function does.
 */
export function evaluate(
  node: Node,
  memoOf: (step: Step) => Memo | undefined,
  found: Found[],
  isRace = false,
): Progress {
  switch (node.kind) {
    case 'sequence':
      return evaluateSequence(node.parts, (part) => evaluate(part, memoOf, found, isRace));
    case 'all':
      return settleAll(node.parts.map((part) => evaluate(part, memoOf, found, isRace)));
    case 'race':
      return settleRace(node.parts.map((part) => evaluate(part, memoOf, found, isRace || node.isMarked)));
    case 'caught':
      return catchIn(evaluate(node.part, memoOf, found, isRace));
    default:
      return evaluateStep(memoOf(node), () => void found.push({ step: node, isRace }));
  }
}

function evaluateStep(memo: Memo | undefined, ask: () => void): Progress {
  if (memo === undefined) {
    ask();
    return { kind: 'pending' };
  }
  if ('error' in memo) return { kind: 'threw', error: memo.error, at: memo.at };
  return { kind: 'returned', text: memo.text, at: memo.at };
}

function evaluateSequence(parts: Node[], run: (part: Node) => Progress): Progress {
  const texts: string[] = [];
  let at = -1;
  for (const part of parts) {
    const progress = run(part);
    if (progress.kind === 'pending') return progress;
    at = Math.max(at, progress.at);
    if (progress.kind === 'threw') return { ...progress, at };
    texts.push(progress.text);
  }
  return { kind: 'returned', text: texts.join(','), at };
}

function settleAll(parts: Progress[]): Progress {
  const failure = firstOf(parts.filter((part) => part.kind === 'threw'));
  if (failure !== undefined) return failure;
  const returned = parts.filter((part) => part.kind === 'returned');
  if (returned.length < parts.length) return { kind: 'pending' };
  const text = `[${returned.map((part) => part.text).join(' ')}]`;
  return { kind: 'returned', text, at: Math.max(-1, ...returned.map((part) => part.at)) };
}

function settleRace(parts: Progress[]): Progress {
  return firstOf(parts.filter((part) => part.kind !== 'pending')) ?? { kind: 'pending' };
}

function firstOf<T extends { at: number }>(settled: T[]): T | undefined {
  return settled.toSorted((a, b) => a.at - b.at)[0];
}

function catchIn(progress: Progress): Progress {
  return progress.kind === 'threw' ? { kind: 'returned', text: `(${progress.error})`, at: progress.at } : progress;
}
