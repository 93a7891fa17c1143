export type { OpenStore } from './contract/player.ts';
export { describeStore } from './store.contract.ts';
