export { describeInvoker } from './invoker.contract.ts';
