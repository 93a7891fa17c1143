import { Controller, Get, Header, Inject } from '@nestjs/common';
import { PORTS } from '@perdure/boot';
import type { Ports } from '@perdure/engine';
import { METRICS_CONTENT_TYPE } from '@perdure/telemetry';

/** What this address, which may be public, tells of the metrics: those that clients of Inngest scrape (http-api.md 5.6). */
const PUBLIC_PREFIX = 'inngest_';

@Controller('metrics')
export class MetricsController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  /** Empty where metrics are turned off. All metrics are served at an address of their own. */
  @Get()
  @Header('content-type', METRICS_CONTENT_TYPE)
  read(): Promise<string> {
    return this.ports.telemetry.metrics.render(PUBLIC_PREFIX);
  }
}
