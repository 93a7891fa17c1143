import { type DynamicModule, Module } from '@nestjs/common';
import { PORTS } from '@perdure/boot';
import type { Ports } from '@perdure/engine';

@Module({})
export class RunnerModule {
  static with(ports: Ports): DynamicModule {
    return { module: RunnerModule, providers: [{ provide: PORTS, useValue: ports }] };
  }
}
