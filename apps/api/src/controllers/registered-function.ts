import type { FunctionDefinition } from '@perdure/domain';
import { apiFailure } from '@perdure/boot';
import type { Ports } from '@perdure/engine';
import { appIdOf } from '@perdure/protocol';

/**
 * The registered function of this name: slug or UUID, or, with its app (name or UUID), the ID that the SDK gave it. Fails with
 * 404 when there is none.
 */
export async function getFunction(
  { catalog }: Ports,
  { appId, functionId }: { appId?: string; functionId: string },
): Promise<FunctionDefinition> {
  const name = { ...(appId !== undefined && { appId }), functionId };
  const fn = find(catalog.index, name) ?? find(await catalog.confirm(), name);
  if (fn === undefined) throw apiFailure(404, 'function not found');
  return fn;
}

function find(
  index: Ports['catalog']['index'],
  { appId, functionId }: { appId?: string; functionId: string },
): FunctionDefinition | undefined {
  if (appId === undefined) return index.findByName(functionId);
  const found = index.findBySlug(`${appId}-${functionId}`) ?? index.findByName(functionId);
  return found !== undefined && [appId, appIdOf(appId)].includes(found.appId) ? found : undefined;
}
