export { openEmbeddedStore, type EmbeddedStoreOptions } from './drivers/embedded/embedded-store.ts';
