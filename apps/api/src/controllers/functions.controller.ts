import { Body, Controller, HttpCode, Inject, Param, Post, UseGuards } from '@nestjs/common';
import { apiFailure, PORTS } from '@perdure/boot';
import { addCancellation, type Ports, setFunctionState } from '@perdure/engine';
import { asJsonObject, envelope, parseJson } from '@perdure/protocol';
import { BearerGuard } from './bearer.guard.ts';
import { getFunction } from './registered-function.ts';

/** Holds functions back and lets them go on (execution.md 4.12, docs/decisions/013). Functions go by slug or UUID. */
@Controller('v1/functions')
@UseGuards(BearerGuard)
export class FunctionsController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  /** `{"cancel_runs": true}`: the runs that there are end as Cancelled instead of waiting. */
  @Post(':functionId/pause')
  @HttpCode(200)
  async pause(@Param('functionId') name: string, @Body() body: string | undefined) {
    const cancelsRuns = parsePause(body ?? '');
    const answer = await this.change(name, 'paused');
    if (!cancelsRuns) return answer;
    const fn = await getFunction(this.ports, { functionId: name });
    const { id } = await addCancellation(this.ports, fn, { startedBefore: this.ports.clock.now() });
    return { ...answer, data: { ...answer.data, cancellation_id: id } };
  }

  @Post(':functionId/resume')
  @HttpCode(200)
  resume(@Param('functionId') name: string) {
    return this.change(name, 'active');
  }

  @Post(':functionId/drain')
  @HttpCode(200)
  drain(@Param('functionId') name: string) {
    return this.change(name, 'drained');
  }

  private async change(name: string, state: 'active' | 'paused' | 'drained') {
    const fn = await getFunction(this.ports, { functionId: name });
    if (!(await setFunctionState(this.ports, fn.id, state))) throw apiFailure(404, 'function not found');
    return envelope({ function_id: fn.id, slug: fn.slug, state }, this.ports.clock.now());
  }
}

function parsePause(body: string): boolean {
  if (body.trim() === '') return false;
  const parsed = parseJson(body);
  const fields = parsed.ok ? asJsonObject(parsed.value) : undefined;
  if (fields === undefined) throw apiFailure(400, 'expected an object');
  const cancelsRuns = fields['cancel_runs'] ?? false;
  if (typeof cancelsRuns !== 'boolean') throw apiFailure(400, 'cancel_runs: expected true or false');
  return cancelsRuns;
}
