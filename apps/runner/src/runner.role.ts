import type { Role } from '@perdure/boot';
import { EventLoop, GaugesLoop, LimitsLoop, RecorderLoop, UpkeepLoop } from '@perdure/engine';
import { RunnerModule } from './runner.module.ts';

/** Turns events into runs, writes history, keeps the cells in order. */
export const runnerRole: Role = {
  name: 'runner',
  needs: ['stream', 'store'],
  loopModule: (ports) => RunnerModule.with(ports),
  loops: (ports) => [
    new EventLoop(ports),
    new RecorderLoop(ports),
    new LimitsLoop(ports),
    new GaugesLoop(ports),
    ...ports.store.cells.map((_store, cell) => new UpkeepLoop(ports, cell)),
  ],
};
