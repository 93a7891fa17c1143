export { describeHistory, type OpenHistory } from './history.contract.ts';
export { describeRegistry, type OpenRegistry } from './registry.contract.ts';
export { describeSweeps, type OpenSweeps } from './sweeps.contract.ts';
