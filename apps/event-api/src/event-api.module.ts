import { type DynamicModule, Module } from '@nestjs/common';
import { PORTS } from '@perdure/boot';
import type { Ports } from '@perdure/engine';
import { EventsController } from './controllers/events.controller.ts';
import { InvokeController } from './controllers/invoke.controller.ts';

@Module({})
export class EventApiModule {
  static with(ports: Ports): DynamicModule {
    return {
      module: EventApiModule,
      controllers: [EventsController, InvokeController],
      providers: [{ provide: PORTS, useValue: ports }],
    };
  }
}
