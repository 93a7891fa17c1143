import { DEFAULT_ENV_ID, type FunctionId } from '@perdure/domain';
import type { HeldState } from '@perdure/history';
import type { Ports } from '../ports.ts';

/** Changes that others make meanwhile are followed this often; whoever writes last looks once more. */
const ROUNDS_MAX = 10;

/**
 * Pauses, drains or resumes a function (execution.md 4.12). When it resolves, the registry has it for good and every cell does
 * it: a paused function gets no further call and no new run, a drained one no new run. False for a function that nobody
 * registered. A repeat changes nothing.
 *
 * The registry comes first: from there the store gets it again after a loss, or when this process dies halfway
 * (`LimitsLoop`). Of several that change the state at once each looks at the registry after it has told the store, so that
 * the store ends up with what the registry has.
 */
export async function setFunctionState(
  ports: Ports,
  functionId: FunctionId,
  wanted: 'active' | HeldState,
): Promise<boolean> {
  const { registry, store, bus, log, catalog } = ports;
  if (!(await registry.setFunctionState(DEFAULT_ENV_ID, functionId, wanted))) return false;
  let state: 'active' | HeldState = wanted;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    await store.setFunctionState(functionId, state);
    await catalog.reload();
    const registered = catalog.held.get(functionId) ?? 'active';
    if (registered === state) break;
    state = registered;
  }
  await store.durable();
  bus.publish('functions-changed', {});
  // What became ready while the function was paused waits in every cell.
  if (state === 'active') store.cells.forEach((_cell, cell) => bus.publish('jobs-ready', { cell }));
  log.info('the state of a function was changed', { functionId, state });
  return true;
}
