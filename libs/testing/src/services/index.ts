export { type MortalService, startMortalService } from './mortal-service.ts';
export { startNats } from './nats.ts';
export { startPostgres } from './postgres.ts';
export { startPrivateService } from './private-service.ts';
export { startRedisCluster, startRedisSentinels, type StartedRedisDeployment } from './redis-deployments.ts';
export { startPrivateRedis, startRedis } from './redis.ts';
export type { ServiceName, ServiceUnavailable, StartedService } from './service.ts';
