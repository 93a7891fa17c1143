export { BusError } from './bus-error.ts';
export type { Bus, BusTopics } from './bus.ts';
