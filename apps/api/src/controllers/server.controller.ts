import { Controller, Get, Inject, Post, HttpCode, UseGuards } from '@nestjs/common';
import { apiFailure, CONFIG, PORTS, type RoleConfig } from '@perdure/boot';
import { describeConfig } from '@perdure/config';
import type { Ports } from '@perdure/engine';
import { toDevFunction } from './dev-function.ts';
import { BearerGuard } from './bearer.guard.ts';

/** What the server tells of itself: SDKs take any 200 here as "a dev server is there". */
@Controller()
@UseGuards(BearerGuard)
export class ServerController {
  private readonly ports: Ports;
  private readonly config: RoleConfig;

  constructor(@Inject(PORTS) ports: Ports, @Inject(CONFIG) config: RoleConfig) {
    this.ports = ports;
    this.config = config;
  }

  @Get('dev')
  dev() {
    const { settings, catalog } = this.ports;
    if (settings.serverKind !== 'dev') throw apiFailure(404, 'Not found');
    return {
      version: this.config.version,
      authed: settings.signingKeys.length > 0,
      startOpts: describeConfig(this.config),
      functions: catalog.index.active().map(toDevFunction),
      handlers: null,
      isSingleNodeService: false,
      isMissingSigningKey: false,
      isMissingEventKeys: false,
      features: {},
    };
  }

  /** SDK telemetry is accepted and discarded. */
  @Post('v0/telemetry')
  @HttpCode(200)
  telemetry(): void {
    // Nothing is kept.
  }
}
