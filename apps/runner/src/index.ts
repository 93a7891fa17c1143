export { runnerRole } from './runner.role.ts';
