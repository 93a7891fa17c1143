export { startNats } from './nats.ts';
export { startPostgres } from './postgres.ts';
export { startRedis } from './redis.ts';
export type { ServiceName, ServiceUnavailable, StartedService } from './service.ts';
