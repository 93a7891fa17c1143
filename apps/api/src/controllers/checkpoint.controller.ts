import { Body, Controller, HttpCode, Inject, Param, Post, UseGuards } from '@nestjs/common';
import { apiFailure, type HttpFailure, PORTS } from '@perdure/boot';
import { checkpointSteps, type Ports } from '@perdure/engine';
import { CHECKPOINT_BYTES_MAX, parseCheckpoint, parseJson } from '@perdure/protocol';
import { BearerGuard } from './bearer.guard.ts';

@Controller(['v1/checkpoint', 'v1/http/runs'])
@UseGuards(BearerGuard)
export class CheckpointController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  @Post(':runId/async')
  @HttpCode(200)
  async save(@Param('runId') runId: string, @Body() body: string | undefined): Promise<void> {
    const text = body ?? '';
    if (Buffer.byteLength(text) > CHECKPOINT_BYTES_MAX) throw failure(413, 'The checkpoint is over 4 MiB', runId);
    const json = parseJson(text);
    if (!json.ok) throw failure(400, `Invalid request body: ${json.message}`, runId);
    const parsed = parseCheckpoint(json.value, runId);
    if (!parsed.ok) throw failure(parsed.status, parsed.error, runId);
    const outcome = await checkpointSteps(this.ports, parsed);
    if (outcome === 'run-gone') throw failure(400, `There is no live run ${runId}`, runId);
    if (outcome === 'stale') throw failure(409, 'The call that sent this checkpoint was superseded', runId);
    if (outcome === 'too-large') throw failure(413, 'The run exceeded its limits and was ended', runId);
  }
}

function failure(status: number, error: string, runId: string): HttpFailure {
  return apiFailure(status, error, { run_id: runId });
}
