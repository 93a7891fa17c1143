export { openEmbeddedEventStream, type EmbeddedEventStreamOptions } from './drivers/embedded/embedded-event-stream.ts';
