import { type DynamicModule, Module } from '@nestjs/common';
import { PORTS } from '@perdure/boot';
import type { Ports } from '@perdure/engine';

@Module({})
export class ExecutorModule {
  static with(ports: Ports): DynamicModule {
    return { module: ExecutorModule, providers: [{ provide: PORTS, useValue: ports }] };
  }
}
