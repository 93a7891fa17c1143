import { Controller, Get, Header, Inject } from '@nestjs/common';
import { HttpFailure, PORTS } from '@perdure/boot';
import { isReady, type Ports } from '@perdure/engine';

@Controller()
export class HealthController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  /** For a person who opens the address in a browser. */
  @Get()
  @Header('content-type', 'text/plain; charset=utf-8')
  welcome(): string {
    return 'Perdure is running. Events go to POST /e/{event key}; GET /v1/events lists them, GET /v1/runs/{id} shows a run.\n';
  }

  /** The process answers. */
  @Get('health')
  health() {
    return { status: 200, message: 'OK' };
  }

  /** Everything that it needs answers too. */
  @Get('ready')
  async ready() {
    const problems = await isReady(this.ports);
    if (problems.length > 0) throw new HttpFailure(503, { status: 503, message: 'Not ready', problems });
    return { status: 200, message: 'OK' };
  }
}
