/** A step of a random function. Every `id` stands once in its graph. */
export type Step =
  /** Each attempt with a number below `failures` throws; with `isFatal` each does, and says that it is not to be repeated. */
  | { kind: 'run'; id: string; failures: number; isFatal: boolean }
  | { kind: 'sleep'; id: string; ms: number }
  | { kind: 'wait'; id: string; ends: WaitEnd }
  | { kind: 'signal'; id: string; ends: WaitEnd }
  /** `child` is an index into `Story.children`; 'missing': a function that nobody has registered. */
  | { kind: 'invoke'; id: string; child: number | 'missing'; ends: WaitEnd };

/** What a step that waits gets: what it waits for, nothing, whichever comes first, or neither for longer than anything else takes. */
export type WaitEnd = 'arrives' | 'timeout' | 'either' | 'never';

/** What a random function does. */
export type Node =
  | Step
  | { kind: 'sequence'; parts: Node[] }
  /** `Promise.all`. */
  | { kind: 'all'; parts: Node[] }
  /** `Promise.race`; with `isMarked` its steps say `parallelMode: "race"`. */
  | { kind: 'race'; parts: Node[]; isMarked: boolean }
  /** `try`: what the part throws becomes a value. */
  | { kind: 'caught'; part: Node };

/** A random function, and how its SDK reports (sdk-protocol.md 6.5, 7.8). */
export interface Graph {
  root: Node;
  /** The function throws after its steps, at each attempt with a number below `throws`. */
  throws: number;
  retries: number;
  requestVersion: 1 | 2;
  /**
   * What becomes of a lone step: it is answered at once, or the function goes on and the step is answered with what
   * comes next, or the function goes on and the step is saved while the call goes on.
   */
  lone: 'answered' | 'buffered' | 'checkpointed';
  /** One request at a time. */
  isSerial: boolean;
}

/** What one case of the property plays. */
export interface Story {
  /** Each is run once, by an event. */
  graphs: Graph[];
  /** What they may invoke; these invoke nothing. */
  children: Graph[];
  cells: number;
}

export function stepsOf(node: Node): Step[] {
  switch (node.kind) {
    case 'sequence':
    case 'all':
    case 'race':
      return node.parts.flatMap(stepsOf);
    case 'caught':
      return stepsOf(node.part);
    default:
      return [node];
  }
}
