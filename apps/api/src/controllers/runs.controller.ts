import { Controller, Delete, Get, Inject, Param, UseGuards } from '@nestjs/common';
import { isUlid, type RunId } from '@perdure/domain';
import { apiFailure, PORTS } from '@perdure/boot';
import { cancelRun, findRun, type Ports } from '@perdure/engine';
import { envelope, toRunV1 } from '@perdure/protocol';
import { BearerGuard } from './bearer.guard.ts';

@Controller('v1/runs')
@UseGuards(BearerGuard)
export class RunsController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  @Get(':runId')
  async get(@Param('runId') runId: string) {
    const run = await findRun(this.ports, parseRunId(runId));
    if (run === undefined) throw apiFailure(404, `Unable to load function run: ${runId}`);
    return envelope(toRunV1(run), this.ports.clock.now());
  }

  @Delete(':runId')
  async cancel(@Param('runId') runId: string): Promise<void> {
    const result = await cancelRun(this.ports, parseRunId(runId));
    if (result === 'unknown') throw apiFailure(404, `Unable to load function run: ${runId}`);
  }
}

function parseRunId(text: string): RunId {
  if (!isUlid(text)) throw apiFailure(400, `Invalid run ID: ${text}`);
  return text;
}
