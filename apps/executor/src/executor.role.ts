import type { Role } from '@perdure/boot';
import { JobLoop } from '@perdure/engine';
import { ExecutorModule } from './executor.module.ts';

/** Claims jobs, calls applications, commits what they answered. */
export const executorRole: Role = {
  name: 'executor',
  needs: ['store'],
  loopModule: (ports) => ExecutorModule.with(ports),
  loops: (ports) => [new JobLoop(ports)],
};
