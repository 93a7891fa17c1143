import type { Store } from '@perdure/store';
import type { Ports } from '../ports.ts';

/** The store of the cell of this number, which must be there. */
export function storeOfCell({ store }: Pick<Ports, 'store'>, cell: number): Store {
  const found = store.cells[cell];
  if (found === undefined) throw new RangeError(`there is no cell ${cell}`);
  return found;
}
