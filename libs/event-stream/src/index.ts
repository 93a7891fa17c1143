export { EventStreamError } from './event-stream-error.ts';
export { DELIVERIES_MAX, type Delivery, type EventStream, type StreamMessage } from './event-stream.ts';
