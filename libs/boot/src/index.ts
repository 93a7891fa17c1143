export { apiFailure, ErrorFilter, HttpFailure } from './http/error-filter.ts';
export { listen, type HttpServer, type ListenOptions } from './http/listen.ts';
export { CONFIG, PORTS } from './http/ports-token.ts';
export { describeStream, type StreamDescription } from '@perdure/event-stream/drivers';
export { describePostgres, migrateHistory, type PostgresDescription } from '@perdure/history/drivers';
export { describeRedis, type RedisDescription } from '@perdure/store/drivers';
export { openPorts, type OpenedPorts } from './open-ports.ts';
export type { Loop, Role, RoleConfig } from './role/role.ts';
export { startRoles, type RunningRoles } from './role/start-roles.ts';
