import { Controller, Get, Inject } from '@nestjs/common';
import { HttpFailure } from '../http/error-filter.ts';
import { READINESS } from '../http/ports-token.ts';
import type { Readiness } from './readiness.ts';

/** What supervisors and load balancers ask every process, whatever its roles. */
@Controller()
export class HealthController {
  private readonly readiness: Readiness;

  constructor(@Inject(READINESS) readiness: Readiness) {
    this.readiness = readiness;
  }

  /** The process answers; otherwise it should be restarted. */
  @Get('health')
  health() {
    return { status: 200, message: 'OK' };
  }

  /** What it needs answers too; otherwise requests should go elsewhere. */
  @Get('ready')
  async ready() {
    const problems = await this.readiness.problems();
    if (problems.length > 0) throw new HttpFailure(503, { status: 503, message: 'Not ready', problems });
    return { status: 200, message: 'OK' };
  }
}
