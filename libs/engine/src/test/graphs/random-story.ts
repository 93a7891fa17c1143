import fc from 'fast-check';
import type { Graph, Node, Story, WaitEnd } from './step-graph.ts';

const CHILDREN = 2;
/** Steps of one graph: each that may end in several ways multiplies the ways in which the run may. */
const STEPS_MAX = 9;
/** Chances that one story takes. */
const CHANCES_MAX = 250;

const waitEnd = fc.constantFrom<WaitEnd>('arrives', 'arrives', 'timeout', 'either');
/** `nameSteps` gives the steps their names. */
const id = fc.constant('');

const runStep = fc.record({
  kind: fc.constant('run' as const),
  id,
  failures: fc.constantFrom(0, 0, 0, 0, 1, 2, 3),
  isFatal: fc.constantFrom(false, false, false, true),
});
const waiting = fc.oneof(
  fc.record({ kind: fc.constant('sleep' as const), id, ms: fc.constantFrom(0, 1, 1_500, 60_000) }),
  fc.record({ kind: fc.constantFrom('wait' as const, 'wait' as const, 'signal' as const), id, ends: waitEnd }),
);
const invoke = fc.record({
  kind: fc.constant('invoke' as const),
  id,
  child: fc.constantFrom<number | 'missing'>(0, 0, 1, 1, 'missing'),
  ends: fc.constantFrom<WaitEnd>('arrives', 'arrives', 'either'),
});

function nodeOf(leaf: fc.Arbitrary<Node>): fc.Arbitrary<Node> {
  const { node, parts } = fc.letrec<{ node: Node; parts: Node[] }>((tie) => ({
    parts: fc.array(tie('node'), { minLength: 1, maxLength: 4, size: 'max' }),
    node: fc.oneof(
      { maxDepth: 3, depthSize: 'medium' },
      { weight: 4, arbitrary: leaf },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('sequence' as const), parts: tie('parts') }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('all' as const), parts: tie('parts') }) },
      { weight: 2, arbitrary: raceOf(tie('parts')) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('caught' as const), part: tie('node') }) },
    ),
  }));
  const several = parts.map((all): Node => ({ kind: 'sequence', parts: all }));
  // Most functions do more than one thing.
  return fc.oneof({ weight: 1, arbitrary: node }, { weight: 4, arbitrary: several });
}

/** A marked race may have a loser that would keep the run for ever. */
function raceOf(parts: fc.Arbitrary<Node[]>): fc.Arbitrary<Node> {
  const facts = fc.record({ parts, isMarked: fc.boolean(), hasLoser: fc.boolean() });
  return facts.map((race) => ({
    kind: 'race',
    isMarked: race.isMarked,
    parts: race.isMarked && race.hasLoser ? [...race.parts, { kind: 'wait', id: '', ends: 'never' }] : race.parts,
  }));
}

function graphOf(leaf: fc.Arbitrary<Node>): fc.Arbitrary<Graph> {
  return fc.record({
    root: nodeOf(leaf).map((root): Node => ({ kind: 'sequence', parts: nameSteps(root) })),
    throws: fc.constantFrom(0, 0, 0, 1, 2),
    retries: fc.nat({ max: 2 }),
    requestVersion: fc.constantFrom<1 | 2>(2, 2, 1),
    lone: fc.constantFrom<Graph['lone']>('answered', 'buffered', 'checkpointed'),
    isSerial: fc.constantFrom(false, false, true),
  });
}

export const stories: fc.Arbitrary<Story> = fc.record({
  graphs: fc.array(
    graphOf(
      fc.oneof({ weight: 6, arbitrary: runStep }, { weight: 4, arbitrary: waiting }, { weight: 1, arbitrary: invoke }),
    ),
    {
      minLength: 1,
      maxLength: 2,
    },
  ),
  children: fc.array(graphOf(fc.oneof({ weight: 2, arbitrary: runStep }, waiting)), {
    minLength: CHILDREN,
    maxLength: CHILDREN,
  }),
  cells: fc.constantFrom(1, 1, 1, 2),
});

export const chances: fc.Arbitrary<number[]> = fc.array(fc.nat({ max: 2 ** 16 }), {
  maxLength: CHANCES_MAX,
  size: 'max',
});

/** A copy in which each step has a name of its own, `a`, `b` ..., without those that are too many. */
function nameSteps(root: Node): Node[] {
  let named = 0;
  const rename = (node: Node): Node[] => {
    switch (node.kind) {
      case 'sequence':
      case 'all':
      case 'race': {
        const parts = node.parts.flatMap(rename);
        return parts.length === 0 ? [] : [{ ...node, parts }];
      }
      case 'caught':
        return rename(node.part).map((part) => ({ ...node, part }));
      default:
        return named === STEPS_MAX ? [] : [{ ...node, id: String.fromCodePoint(97 + named++) }];
    }
  };
  return rename(root);
}
