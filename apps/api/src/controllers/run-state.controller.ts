import { Controller, Get, Header, HttpCode, Delete, Inject, Param, UseGuards } from '@nestjs/common';
import { isUlid, type RunId } from '@perdure/domain';
import { apiFailure, PORTS } from '@perdure/boot';
import { cancelRun, type Ports } from '@perdure/engine';
import type { RunState } from '@perdure/store';
import { BearerGuard } from './bearer.guard.ts';

/** State that SDKs fetch when it is too large to be sent with a call (sdk-protocol.md 6.6). */
@Controller('v0/runs')
@UseGuards(BearerGuard)
export class RunStateController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  @Get(':runId/batch')
  @Header('content-type', 'application/json')
  async batch(@Param('runId') runId: string): Promise<string> {
    return (await this.state(runId)).events;
  }

  @Get(':runId/actions')
  @Header('content-type', 'application/json')
  async actions(@Param('runId') runId: string): Promise<string> {
    return actionsJson(await this.state(runId));
  }

  @Delete(':runId')
  @HttpCode(204)
  async cancel(@Param('runId') runId: string): Promise<void> {
    const result = await cancelRun(this.ports, parseRunId(runId));
    if (result === 'unknown') throw apiFailure(404, 'A function run with the given ID could not be found');
    if (result === 'ended') throw apiFailure(409, 'This function has already completed');
  }

  private async state(runId: string): Promise<RunState> {
    const state = await this.ports.store.findRunState(parseRunId(runId));
    if (state === undefined) throw apiFailure(410, `runtime state is no longer available for runID: ${runId}`);
    return state;
  }
}

/** Keys in order of completion: SDKs may read the stack from it. */
function actionsJson({ steps, stack }: RunState): string {
  return `{${stack.map((hash) => `${JSON.stringify(hash)}:${steps[hash] ?? 'null'}`).join(',')}}`;
}

function parseRunId(text: string): RunId {
  if (!isUlid(text)) throw apiFailure(400, 'The run ID specified is invalid');
  return text;
}
