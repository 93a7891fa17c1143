import { createHash } from 'node:crypto';
import type { FunctionDefinition, FunctionId } from '@perdure/domain';

/**
 * The cell of each function, by number. Functions that share an account- or environment-scope concurrency key live in one
 * cell, also when they share it through a third, so that every limit is kept within one cell; other functions are spread
 * by their ID (architecture.md 4, cells). Depends on the set of functions alone: every process comes to the same answer.
 *
 * `fns` must include archived functions, so that taking one away moves no other.
 */
export function placeFunctions(fns: readonly FunctionDefinition[], cells: number): Map<FunctionId, number> {
  const groups = new Groups();
  for (const fn of fns) groups.join(sharedKeys(fn));
  return new Map(fns.map((fn) => [fn.id, cellOfName(groups.nameOf(sharedKeys(fn)[0]) ?? fn.id, cells)]));
}

/** The limits that the function shares with others that declare the same. */
function sharedKeys({ flow, accountId, envId }: FunctionDefinition): string[] {
  const scopes = { account: accountId, env: envId };
  return flow.concurrency.flatMap(({ scope, key }) =>
    scope === 'fn' || key === undefined ? [] : [`${scope} ${scopes[scope]} ${key}`],
  );
}

function cellOfName(name: string, cells: number): number {
  return cells === 1 ? 0 : createHash('sha256').update(name).digest().readUInt32BE() % cells;
}

/** Disjoint sets of names, each set known by its least name. */
class Groups {
  private readonly parents = new Map<string, string>();

  join(names: string[]): void {
    const roots = names.map((name) => this.rootOf(name)).toSorted();
    const [least] = roots;
    if (least !== undefined) for (const root of roots) this.parents.set(root, least);
  }

  nameOf(name: string | undefined): string | undefined {
    return name === undefined ? undefined : this.rootOf(name);
  }

  private rootOf(name: string): string {
    let root = name;
    for (
      let parent = this.parents.get(root);
      parent !== undefined && parent !== root;
      parent = this.parents.get(root)
    ) {
      root = parent;
    }
    return root;
  }
}
