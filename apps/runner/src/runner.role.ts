import type { Role } from '@perdure/boot';
import { EventLoop, HousekeepingLoop, OutboxLoop } from '@perdure/engine';
import { RunnerModule } from './runner.module.ts';

/** Turns events into runs, drains the outbox, keeps house. */
export const runnerRole: Role = {
  name: 'runner',
  loopModule: (ports) => RunnerModule.with(ports),
  loops: (ports) => [new EventLoop(ports), new OutboxLoop(ports), new HousekeepingLoop(ports)],
};
