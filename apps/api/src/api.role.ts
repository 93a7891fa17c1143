import type { Role } from '@perdure/boot';
import { AppPoller } from '@perdure/engine';
import { ApiModule } from './api.module.ts';

/** Registration, REST, checkpoint endpoints; keeps applications in sync. */
export const apiRole: Role = {
  name: 'api',
  needs: ['store', 'history'],
  httpModule: (ports, config) => ApiModule.with(ports, config),
  loopModule: (ports) => ApiModule.loops(ports),
  loops: (ports, { sync }) => [
    new AppPoller(ports, {
      urls: sync.urls,
      poll: sync.poll,
      intervalMs: sync.pollIntervalMs,
      discover: sync.discovery,
    }),
  ],
};
