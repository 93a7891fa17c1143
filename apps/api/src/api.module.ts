import { type DynamicModule, Module } from '@nestjs/common';
import { CONFIG, PORTS, type RoleConfig } from '@perdure/boot';
import type { Ports } from '@perdure/engine';
import { CheckpointController } from './controllers/checkpoint.controller.ts';
import { EventsController } from './controllers/events.controller.ts';
import { MetricsController } from './controllers/metrics.controller.ts';
import { RegistrationController } from './controllers/registration.controller.ts';
import { RunsController } from './controllers/runs.controller.ts';
import { RunStateController } from './controllers/run-state.controller.ts';
import { ServerController } from './controllers/server.controller.ts';
import { WelcomeController } from './controllers/welcome.controller.ts';

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
        EventsController,
        RunsController,
        RunStateController,
      ],
      providers: [
        { provide: PORTS, useValue: ports },
        { provide: CONFIG, useValue: config },
      ],
    };
  }

  /** The role's loops, without its controllers. */
  static loops(ports: Ports): DynamicModule {
    return { module: ApiModule, providers: [{ provide: PORTS, useValue: ports }] };
  }
}
