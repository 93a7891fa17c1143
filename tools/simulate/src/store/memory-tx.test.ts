import { describeStore, describeTx } from '@perdure/store/contract';
import { OperationStore } from '@perdure/store/simulation';

import { MemoryDriver } from './memory-driver.ts';
import { MemoryTx } from './memory-tx.ts';

describeTx('in memory', () => {
  const tx = new MemoryTx();
  return { tx, dump: () => tx.dump() };
});

describeStore('in memory', async ({ clock }) => new OperationStore(new MemoryDriver(() => clock.now())));
