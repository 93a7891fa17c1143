/** The operations as they are, for whoever runs them over a `Tx` of its own in virtual time. */
export { findBrokenInvariants } from './invariants/find-broken-invariants.ts';
export { OperationStore, type Driver } from './operation-store.ts';
export {
  operations,
  type OperationArgs,
  type OperationName,
  type OperationResult,
  type Operations,
} from './operations/index.ts';
export type { Tx } from './operations/tx.ts';
