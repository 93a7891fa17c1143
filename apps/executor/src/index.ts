export { executorRole } from './executor.role.ts';
