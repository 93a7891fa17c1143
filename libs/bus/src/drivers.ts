export { openEmbeddedBus, type EmbeddedBusOptions } from './drivers/embedded/embedded-bus.ts';
export { openNatsBus, type NatsBusOptions, type NatsBusStatus } from './drivers/nats/nats-bus.ts';
