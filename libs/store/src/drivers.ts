export { openEmbeddedStore, type EmbeddedStoreOptions } from './drivers/embedded/embedded-store.ts';
export { openRedisStore, type RedisStoreOptions } from './drivers/redis/redis-store.ts';
