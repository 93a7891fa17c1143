export { describeRedis, type RedisDescription } from './drivers/redis/describe-redis.ts';
export { openEmbeddedStore, type EmbeddedStoreOptions } from './drivers/embedded/embedded-store.ts';
export { openRedisCells, type RedisCellsOptions } from './drivers/redis/redis-store.ts';
export { parseRedisUrl, type RedisHost, type RedisPlace } from './drivers/redis/redis-url.ts';
