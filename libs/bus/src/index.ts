export type { Bus, BusTopics } from './bus.ts';
