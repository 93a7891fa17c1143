export type { Egress, EgressOptions } from './egress.ts';
export type { CallRequest, Invoker } from './invoker.ts';
