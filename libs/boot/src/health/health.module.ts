import { type DynamicModule, Module } from '@nestjs/common';
import { READINESS } from '../http/ports-token.ts';
import { HealthController } from './health.controller.ts';
import type { Readiness } from './readiness.ts';

@Module({})
export class HealthModule {
  static with(readiness: Readiness): DynamicModule {
    return {
      module: HealthModule,
      controllers: [HealthController],
      providers: [{ provide: READINESS, useValue: readiness }],
    };
  }
}
