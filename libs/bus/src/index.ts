export { BusError } from './bus-error.ts';
export type { Bus, BusTopics, LiveUpdate } from './bus.ts';
