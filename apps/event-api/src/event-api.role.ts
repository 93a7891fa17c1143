import type { Role } from '@perdure/boot';
import { EventApiModule } from './event-api.module.ts';

/** Receives events: authenticates, validates, appends to the stream. */
export const eventApiRole: Role = {
  name: 'event-api',
  needs: ['stream'],
  httpModule: (ports) => EventApiModule.with(ports),
};
