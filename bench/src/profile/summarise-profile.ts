/** The parts of V8's `.cpuprofile` that tell self time. */
export interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  /** The node that was running at each sample. */
  samples: number[];
  /** Microseconds before each sample. */
  timeDeltas: number[];
}

export interface SelfTime {
  /** `name file:line`. */
  where: string;
  ms: number;
  /** Of all time that was not idle. */
  share: number;
}

const IDLE: ReadonlySet<string> = new Set(['(idle)', '(program)', '(root)']);

/** The functions in which most time was spent, their callees' time left out; idle time does not count. */
export function topSelfTimes(profile: CpuProfile, functionsMax: number): SelfTime[] {
  const whereById = new Map(profile.nodes.map((node) => [node.id, describe(node.callFrame)]));
  const usByWhere = new Map<string, number>();
  for (const [i, id] of profile.samples.entries()) {
    const where = whereById.get(id);
    if (where === undefined || IDLE.has(where)) continue;
    usByWhere.set(where, (usByWhere.get(where) ?? 0) + (profile.timeDeltas[i] ?? 0));
  }
  const totalUs = [...usByWhere.values()].reduce((sum, us) => sum + us, 0);
  return [...usByWhere]
    .map(([where, us]) => ({ where, ms: us / 1_000, share: us / totalUs }))
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, functionsMax);
}

function describe({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  // From the package on: what lies before is the same for all of them.
  const file = url.replace(/^.*\/(node_modules|libs|apps)\//, '');
  return `${name} ${file}:${lineNumber + 1}`;
}
