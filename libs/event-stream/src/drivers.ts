export { openEmbeddedEventStream, type EmbeddedEventStreamOptions } from './drivers/embedded/embedded-event-stream.ts';
export {
  openJetStreamEventStream,
  type JetStreamEventStreamOptions,
} from './drivers/jetstream/jetstream-event-stream.ts';
export type { EventStreamStatus } from './drivers/jetstream/stream-status.ts';
export { describeStream, type GroupDescription, type StreamDescription } from './drivers/jetstream/describe-stream.ts';
