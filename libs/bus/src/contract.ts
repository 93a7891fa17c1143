export { describeBus, type OpenBus } from './bus.contract.ts';
