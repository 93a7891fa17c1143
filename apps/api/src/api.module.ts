import { type DynamicModule, Module } from '@nestjs/common';
import { CONFIG, PORTS, type RoleConfig } from '@perdure/boot';
import type { Ports } from '@perdure/engine';
import { AppFunctionsController } from './controllers/app-functions.controller.ts';
import { CancellationsController } from './controllers/cancellations.controller.ts';
import { CheckpointController } from './controllers/checkpoint.controller.ts';
import { EndpointOutputController } from './controllers/endpoint-output.controller.ts';
import { EndpointsController } from './controllers/endpoints.controller.ts';
import { EventsController } from './controllers/events.controller.ts';
import { FunctionsController } from './controllers/functions.controller.ts';
import { MetricsController } from './controllers/metrics.controller.ts';
import { RealtimeController } from './controllers/realtime.controller.ts';
import { RegistrationController } from './controllers/registration.controller.ts';
import { ReplaysController } from './controllers/replays.controller.ts';
import { RunsController } from './controllers/runs.controller.ts';
import { RunsV2Controller } from './controllers/runs-v2.controller.ts';
import { RunStateController } from './controllers/run-state.controller.ts';
import { ServerController } from './controllers/server.controller.ts';
import { SignalsController } from './controllers/signals.controller.ts';
import { TracesController } from './controllers/traces.controller.ts';
import { WelcomeController } from './controllers/welcome.controller.ts';
import { Listeners } from './realtime/listeners.ts';
import { RealtimeSockets } from './realtime/realtime-sockets.ts';

@Module({})
export class ApiModule {
  static with(ports: Ports, config: RoleConfig): DynamicModule {
    return {
      module: ApiModule,
      controllers: [
        WelcomeController,
        MetricsController,
        ServerController,
        RegistrationController,
        CheckpointController,
        EndpointsController,
        EndpointOutputController,
        EventsController,
        RunsController,
        RunsV2Controller,
        RunStateController,
        SignalsController,
        CancellationsController,
        FunctionsController,
        AppFunctionsController,
        ReplaysController,
        TracesController,
        RealtimeController,
      ],
      providers: [
        { provide: PORTS, useValue: ports },
        { provide: CONFIG, useValue: config },
        Listeners,
        RealtimeSockets,
      ],
    };
  }

  /** The role's loops, without its controllers. */
  static loops(ports: Ports): DynamicModule {
    return { module: ApiModule, providers: [{ provide: PORTS, useValue: ports }] };
  }
}
