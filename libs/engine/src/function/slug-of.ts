import type { FunctionId } from '@perdure/domain';
import type { Ports } from '../ports.ts';

/** The function's slug as metrics and spans name it. */
export function slugOf(ports: Ports, functionId: FunctionId): string {
  return ports.catalog.index.findById(functionId)?.slug ?? 'unknown';
}
