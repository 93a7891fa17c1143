export { eventApiRole } from './event-api.role.ts';
