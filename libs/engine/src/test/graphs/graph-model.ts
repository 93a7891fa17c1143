import { type Graph, type Node, type Step, stepsOf, type Story, type WaitEnd } from './step-graph.ts';

/** One way in which a function may end. */
export interface Ending {
  kind: 'returned' | 'threw';
  text: string;
  /** Steps that then have ended. */
  must: ReadonlySet<string>;
  /** Steps that may have ended besides: of branches that lost, or that another's failure left behind. */
  may: ReadonlySet<string>;
}

/** Every way in which the graph's run may end. Only races, and what may come or not, leave it more than one. */
export function endingsOf(graph: Graph, story: Story): Ending[] {
  const endings = endingsOfNode(graph.root, graph, story);
  if (graph.throws <= graph.retries) return endings;
  return endings.map((ending) => (ending.kind === 'returned' ? { ...ending, kind: 'threw', text: THROWN } : ending));
}

/** What a function throws of its own accord. */
export const THROWN = 'thrown';

/** What a step that fails throws. */
export function failureOf(id: string): string {
  return `${id} failed`;
}

function endingsOfNode(node: Node, graph: Graph, story: Story): Ending[] {
  const of = (part: Node): Ending[] => endingsOfNode(part, graph, story);
  switch (node.kind) {
    case 'sequence':
      return node.parts.reduce<Ending[]>(
        (before, part) => before.flatMap((ending) => (ending.kind === 'threw' ? [ending] : after(ending, of(part)))),
        [{ kind: 'returned', text: '', must: new Set(), may: new Set() }],
      );
    case 'all':
      return [...allReturned(node.parts.map(of)), ...firstThrown(node.parts, of)];
    case 'race':
      return node.parts.flatMap((part) => of(part).map((ending) => leaving(ending, node.parts, part)));
    case 'caught':
      return of(node.part).map((ending) =>
        ending.kind === 'threw' ? { ...ending, kind: 'returned', text: `(${ending.text})` } : ending,
      );
    default:
      return endingsOfStep(node, graph, story);
  }
}

function after(before: Ending, endings: Ending[]): Ending[] {
  return endings.map((ending) => ({
    kind: ending.kind,
    text: ending.kind === 'threw' || before.text === '' ? ending.text : `${before.text},${ending.text}`,
    must: both(before.must, ending.must),
    may: both(before.may, ending.may),
  }));
}

/** Each combination of what the parts return. */
function allReturned(parts: Ending[][]): Ending[] {
  let combined: (Omit<Ending, 'text'> & { texts: string[] })[] = [
    { kind: 'returned', texts: [], must: new Set(), may: new Set() },
  ];
  for (const endings of parts) {
    const returned = endings.filter(({ kind }) => kind === 'returned');
    combined = combined.flatMap((before) =>
      returned.map(({ text, must, may }) => ({
        kind: 'returned' as const,
        texts: [...before.texts, text],
        must: both(before.must, must),
        may: both(before.may, may),
      })),
    );
  }
  return combined.map(({ texts, ...ending }) => ({ ...ending, text: `[${texts.join(' ')}]` }));
}

/** Any part that may throw may be the first that does. */
function firstThrown(parts: Node[], of: (part: Node) => Ending[]): Ending[] {
  return parts.flatMap((part) =>
    of(part)
      .filter(({ kind }) => kind === 'threw')
      .map((ending) => leaving(ending, parts, part)),
  );
}

/** The ending of one part, whatever became of the others. */
function leaving(ending: Ending, parts: Node[], settled: Node): Ending {
  const others = parts.filter((part) => part !== settled).flatMap((part) => stepsOf(part).map(({ id }) => id));
  return { ...ending, may: both(ending.may, others) };
}

function both(some: Iterable<string>, others: Iterable<string>): Set<string> {
  return new Set([...some, ...others]);
}

function endingsOfStep(step: Step, graph: Graph, story: Story): Ending[] {
  const ending = (kind: Ending['kind'], text: string): Ending => ({
    kind,
    text,
    must: new Set([step.id]),
    may: new Set(),
  });
  switch (step.kind) {
    case 'run':
      return [isFailing(step, graph) ? ending('threw', failureOf(step.id)) : ending('returned', step.id)];
    case 'sleep':
      return [ending('returned', step.id)];
    case 'wait':
    case 'signal':
      return [
        ...(mayArrive(step.ends) ? [ending('returned', `${step.id}+`)] : []),
        ...(mayTimeOut(step.ends) ? [ending('returned', `${step.id}-`)] : []),
      ];
    case 'invoke':
      return endingsOfInvoke(step, story).map(({ kind, text }) => ending(kind, text));
  }
}

export function isFailing({ failures, isFatal }: Extract<Step, { kind: 'run' }>, { retries }: Graph): boolean {
  return failures > retries || isFatal;
}

function endingsOfInvoke(
  { id, child, ends }: Extract<Step, { kind: 'invoke' }>,
  story: Story,
): Pick<Ending, 'kind' | 'text'>[] {
  const called = child === 'missing' ? undefined : story.children[child];
  if (called === undefined) return [{ kind: 'threw', text: failureOf(id) }];
  const ofChild = endingsOf(called, story).map((ending) =>
    ending.kind === 'threw'
      ? { kind: ending.kind, text: failureOf(id) }
      : { kind: ending.kind, text: `${id}{${ending.text}}` },
  );
  return [
    ...(mayArrive(ends) ? ofChild : []),
    ...(mayTimeOut(ends) ? [{ kind: 'threw' as const, text: failureOf(id) }] : []),
  ];
}

export function mayArrive(ends: WaitEnd): boolean {
  return ends === 'arrives' || ends === 'either';
}

export function mayTimeOut(ends: WaitEnd): boolean {
  return ends === 'timeout' || ends === 'either';
}
