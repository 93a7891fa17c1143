export type { CallRequest, Invoker } from './invoker.ts';
