import { patternsMatching, type FunctionDefinition, type FunctionId, type FunctionSlug } from '@perdure/domain';
import { compileExpression, type Expression } from '@perdure/expressions';
import { placeFunctions } from './place-functions.ts';

/** A trigger of a function, ready to be evaluated. */
export interface EventTrigger {
  pattern: string;
  /** Absent: always true. */
  condition?: Expression;
}

/** A function and those of its event triggers whose pattern fits. */
export interface Candidate {
  fn: FunctionDefinition;
  triggers: EventTrigger[];
}

/**
 * The registered functions by ID, by slug and by trigger pattern (execution.md 2.2). Immutable: a change of the
 * registry makes a new index.
 */
export class FunctionIndex {
  private readonly byId = new Map<FunctionId, FunctionDefinition>();
  private readonly bySlug = new Map<FunctionSlug, FunctionDefinition>();
  private readonly byPattern = new Map<string, Candidate[]>();
  private readonly cells: Map<FunctionId, number>;

  /** Archived functions are found by ID, for runs in flight, and match nothing. `cells`: how many there are. */
  constructor(active: FunctionDefinition[], archived: FunctionDefinition[], cells = 1) {
    this.cells = placeFunctions([...active, ...archived], cells);
    for (const fn of archived) this.byId.set(fn.id, fn);
    for (const fn of active) {
      this.byId.set(fn.id, fn);
      this.bySlug.set(fn.slug, fn);
      for (const trigger of eventTriggers(fn)) this.addTrigger(fn, trigger);
    }
  }

  private addTrigger(fn: FunctionDefinition, trigger: EventTrigger): void {
    const candidates = this.byPattern.get(trigger.pattern) ?? [];
    const known = candidates.find((candidate) => candidate.fn === fn);
    if (known) known.triggers.push(trigger);
    else candidates.push({ fn, triggers: [trigger] });
    this.byPattern.set(trigger.pattern, candidates);
  }

  findById(id: FunctionId): FunctionDefinition | undefined {
    return this.byId.get(id);
  }

  findBySlug(slug: FunctionSlug): FunctionDefinition | undefined {
    return this.bySlug.get(slug);
  }

  /** An active function by its slug or its ID. */
  findByName(name: string): FunctionDefinition | undefined {
    const bySlug = this.bySlug.get(name);
    if (bySlug !== undefined) return bySlug;
    const byId = this.byId.get(name);
    return byId !== undefined && this.bySlug.get(byId.slug) === byId ? byId : undefined;
  }

  /** The cell in which new runs of the function are started. */
  cellOf(id: FunctionId): number {
    return this.cells.get(id) ?? 0;
  }

  active(): FunctionDefinition[] {
    return [...this.bySlug.values()];
  }

  /** Functions with a trigger for this event name, each once. */
  candidates(eventName: string): Candidate[] {
    const found = new Map<FunctionDefinition, EventTrigger[]>();
    for (const pattern of patternsMatching(eventName)) {
      for (const { fn, triggers } of this.byPattern.get(pattern) ?? []) {
        found.set(fn, [...(found.get(fn) ?? []), ...triggers]);
      }
    }
    return [...found].map(([fn, triggers]) => ({ fn, triggers }));
  }
}

function eventTriggers(fn: FunctionDefinition): EventTrigger[] {
  const triggers: EventTrigger[] = [];
  for (const trigger of fn.triggers) {
    if (trigger.kind !== 'event') continue;
    if (trigger.expression === undefined) {
      triggers.push({ pattern: trigger.event });
      continue;
    }
    const compiled = compileExpression(trigger.expression, { variables: ['event'] });
    // Registration refuses what does not compile; a trigger stored by another version that no longer does never fires.
    if (compiled.ok) triggers.push({ pattern: trigger.event, condition: compiled.expression });
  }
  return triggers;
}
