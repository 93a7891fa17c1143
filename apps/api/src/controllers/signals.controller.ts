import { Body, Controller, HttpCode, Inject, Post, UseGuards } from '@nestjs/common';
import { apiFailure, PORTS } from '@perdure/boot';
import { type Ports, sendSignal } from '@perdure/engine';
import { envelope, parseSignal } from '@perdure/protocol';
import { BearerGuard } from './bearer.guard.ts';

@Controller('v1/signals')
@UseGuards(BearerGuard)
export class SignalsController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  @Post()
  @HttpCode(200)
  async send(@Body() body: string | undefined) {
    const parsed = parseSignal(body ?? '');
    if (!parsed.ok) throw apiFailure(parsed.status, parsed.error);
    const runId = await sendSignal(this.ports, parsed);
    if (runId === undefined) throw apiFailure(404, 'No signal found');
    return envelope({ run_id: runId }, this.ports.clock.now());
  }
}
