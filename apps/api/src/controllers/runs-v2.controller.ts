import { Body, Controller, HttpCode, Inject, Param, Post, UseGuards } from '@nestjs/common';
import { isUlid } from '@perdure/domain';
import { HttpFailure, PORTS } from '@perdure/boot';
import { cancelRun, findRun, type Ports, rerunRun, type RerunResult } from '@perdure/engine';
import { envelopeV2, errorBodyV2, parseRerun } from '@perdure/protocol';
import { BearerGuard } from './bearer.guard.ts';

/** What can be done with a run (http-api.md 2.7). */
@Controller(['v2/runs', 'api/v2/runs'])
@UseGuards(BearerGuard)
export class RunsV2Controller {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  @Post(':runId/cancel')
  @HttpCode(200)
  async cancel(@Param('runId') runId: string) {
    const result = isUlid(runId) ? await cancelRun(this.ports, runId) : 'unknown';
    if (result === 'unknown') throw failure(404, 'not_found', 'Run not found');
    if (result === 'ended') {
      const isCancelled = (await findRun(this.ports, runId))?.status === 'Cancelled';
      throw isCancelled
        ? failure(409, 'run_already_cancelled', 'Run is already cancelled')
        : failure(409, 'run_already_ended', 'Cannot cancel an ended run');
    }
    return envelopeV2({ runId }, this.ports.clock.now());
  }

  @Post(':runId/rerun')
  @HttpCode(200)
  async rerun(@Param('runId') runId: string, @Body() body: string | undefined) {
    const parsed = parseRerun(body ?? '');
    if (!parsed.ok) throw failure(400, parsed.code, parsed.message);
    if (!isUlid(runId)) throw failure(404, 'not_found', 'Run not found');
    const result = await rerunRun(this.ports, runId, parsed.fromStep ? { fromStep: parsed.fromStep } : {});
    if (result.kind !== 'scheduled') throw rerunFailure(result);
    return envelopeV2({ runId: result.runId }, this.ports.clock.now());
  }
}

function rerunFailure(result: Exclude<RerunResult, { kind: 'scheduled' }>): HttpFailure {
  switch (result.kind) {
    case 'unknown-run':
      return failure(404, 'not_found', 'Run not found');
    case 'function-missing':
      return failure(404, 'not_found', 'Function not found');
    case 'events-missing':
      return failure(409, 'invalid_request', 'The events of the original run are not in history, or not yet');
    case 'memos-missing':
      return failure(409, 'invalid_request', 'The steps of the original run are not in history, or not yet');
    case 'step-unknown':
      return failure(400, 'invalid_request', 'Step not found in original run');
    case 'step-ambiguous':
      return failure(400, 'invalid_request', 'Step name matches multiple steps in original run');
    case 'skipped':
      return failure(422, 'function_skipped', `The function was skipped: ${result.reason}`);
  }
}

function failure(status: number, code: string, message: string): HttpFailure {
  return new HttpFailure(status, errorBodyV2({ code, message }));
}
