import { DEFAULT_ENV_ID, type FunctionId } from '@perdure/domain';
import { type ConfigProblem, parseLimitOverrides } from '@perdure/protocol';
import type { FunctionLimits } from '@perdure/store';
import type { Ports } from '../ports.ts';

export type OverrideResult =
  /** `limits`: those that hold now. */
  | { kind: 'overridden'; limits: FunctionLimits }
  | { kind: 'refused'; errors: ConfigProblem[] }
  | { kind: 'unknown-function' };

/**
 * Puts an operator's numbers in place of those that the function was registered with (`parseLimitOverrides` has their form), all
 * that were put there before included; undefined gives the registered ones back. When it resolves, the registry has them for
 * good, whatever is registered later, and every cell enforces them on what waits already. A repeat changes nothing.
 *
 * The registry comes first: from there the store gets them when this process dies halfway (`LimitsLoop`), and other processes
 * the revision by which the store refuses to take older ones from a slow one.
 */
export async function overrideLimits(ports: Ports, functionId: FunctionId, wanted: unknown): Promise<OverrideResult> {
  const { registry, store, bus, log, catalog } = ports;
  const fn = (await catalog.confirm()).findById(functionId);
  if (fn === undefined) return { kind: 'unknown-function' };
  const parsed = wanted === undefined ? undefined : parseLimitOverrides(wanted, fn);
  if (parsed?.ok === false) return { kind: 'refused', errors: parsed.errors };
  const revision = await registry.overrideLimits(DEFAULT_ENV_ID, functionId, parsed?.overrides);
  if (revision === undefined) return { kind: 'unknown-function' };
  await catalog.reload();
  const limits = catalog.limitsOf(catalog.index.findById(functionId) ?? fn);
  await store.setFunction(limits);
  await store.durable();
  bus.publish('functions-changed', {});
  // What a limit held back so far may be ready now.
  store.cells.forEach((_cell, cell) => bus.publish('jobs-ready', { cell }));
  log.info('the limits of a function were overridden', {
    functionId,
    revision,
    overrides: parsed?.overrides ?? 'none',
  });
  return { kind: 'overridden', limits };
}
