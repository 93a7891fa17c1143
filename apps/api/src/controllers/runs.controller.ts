import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, UseGuards } from '@nestjs/common';
import { isUlid, type RunId } from '@perdure/domain';
import { apiFailure, PORTS } from '@perdure/boot';
import { cancelRun, explainRun, findRun, type Ports, recordMetadata } from '@perdure/engine';
import { envelope, parseMetadata, toRunV1, toWaitingV1 } from '@perdure/protocol';
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

  /** An extension: why the run has not started or does not go on; of a run that has ended, nothing. */
  @Get(':runId/waiting')
  async waiting(@Param('runId') text: string) {
    const runId = parseRunId(text);
    const explained = await explainRun(this.ports, runId);
    const status = explained?.status ?? (await findRun(this.ports, runId))?.status;
    if (status === undefined) throw apiFailure(404, `Unable to load function run: ${runId}`);
    const waitingFor = explained?.waitingFor.map(toWaitingV1) ?? [];
    return envelope({ run_id: runId, status, waiting_for: waitingFor }, this.ports.clock.now());
  }

  @Post(':runId/metadata')
  @HttpCode(200)
  async tell(@Param('runId') text: string, @Body() body: string | undefined): Promise<void> {
    const runId = parseRunId(text);
    const parsed = parseMetadata(body ?? '', runId);
    if (!parsed.ok) throw apiFailure(parsed.status, parsed.error);
    const result = await recordMetadata(this.ports, { runId, target: parsed.target, items: parsed.items });
    if (result === 'unknown-run') throw apiFailure(404, `Unable to load function run: ${runId}`);
    if (result === 'too-large') throw apiFailure(413, 'The metadata of a span has at most 64 KiB, that of a run 1 MiB');
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
