export type { OpenStore } from './contract/player.ts';
export { describeTx, type OpenTx } from './contract/tx.contract.ts';
export { describeStore } from './store.contract.ts';
