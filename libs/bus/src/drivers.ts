export { openEmbeddedBus, type EmbeddedBusOptions } from './drivers/embedded/embedded-bus.ts';
