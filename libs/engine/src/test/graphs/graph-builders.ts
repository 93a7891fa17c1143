import type { Graph, Node, Step, Story, WaitEnd } from './step-graph.ts';

export function aGraph(root: Node, facts: Partial<Graph> = {}): Graph {
  return { root, throws: 0, retries: 0, requestVersion: 2, lone: 'answered', isSerial: false, ...facts };
}

export function aStory(graphs: Graph[], children: Graph[] = []): Story {
  return { graphs, children, cells: 1 };
}

export function aStep(id: string, facts: Partial<Extract<Step, { kind: 'run' }>> = {}): Step {
  return { kind: 'run', id, failures: 0, isFatal: false, ...facts };
}

export function aWait(id: string, ends: WaitEnd): Step {
  return { kind: 'wait', id, ends };
}

export function aSleep(id: string, ms: number): Step {
  return { kind: 'sleep', id, ms };
}

export function sequence(...parts: Node[]): Node {
  return { kind: 'sequence', parts };
}

export function all(...parts: Node[]): Node {
  return { kind: 'all', parts };
}

/** Marked. */
export function aRace(...parts: Node[]): Node {
  return { kind: 'race', parts, isMarked: true };
}

export function caught(part: Node): Node {
  return { kind: 'caught', part };
}
