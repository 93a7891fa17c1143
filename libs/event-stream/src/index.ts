export { EventStreamError } from './event-stream-error.ts';
export {
  DELIVERIES_MAX,
  GROUP_NAMES,
  GROUPS,
  type DeadLetter,
  type Delivery,
  type EventStream,
  type GroupName,
  type StreamedMessage,
  type StreamMessage,
  type StreamTopic,
} from './event-stream.ts';
