import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, UseGuards } from '@nestjs/common';
import { apiFailure, PORTS } from '@perdure/boot';
import { addReplay, type Ports } from '@perdure/engine';
import { envelope, parseReplay, type SweepFacts, toReplayV1 } from '@perdure/protocol';
import { BearerGuard } from './bearer.guard.ts';
import { getFunction } from './registered-function.ts';
import { getSweep, listSweeps, stopSweep } from './stored-sweep.ts';

/** Replays: all runs of a function in a range of time, run again (docs/decisions/014). */
@Controller('v1/replays')
@UseGuards(BearerGuard)
export class ReplaysController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  @Post()
  @HttpCode(200)
  async create(@Body() body: string | undefined) {
    const now = this.ports.clock.now();
    const parsed = parseReplay(body ?? '', { now });
    if (!parsed.ok) throw apiFailure(400, parsed.error);
    const { ok: _ok, appId, functionId, ...spec } = parsed;
    const fn = await getFunction(this.ports, { functionId, ...(appId !== undefined && { appId }) });
    return envelope(this.show(await addReplay(this.ports, fn, spec)), now);
  }

  @Get()
  async list() {
    const sweeps = await listSweeps(this.ports, 'replay');
    return envelope(
      sweeps.map((sweep) => this.show(sweep)),
      this.ports.clock.now(),
    );
  }

  @Get(':id')
  async get(@Param('id') id: string) {
    return envelope(this.show(await getSweep(this.ports, 'replay', id)), this.ports.clock.now());
  }

  /** Ends it; runs that it started go on. A repeat, or one that is through, changes nothing. */
  @Delete(':id')
  async stop(@Param('id') id: string) {
    return stopSweep(this.ports, 'replay', id);
  }

  private show(sweep: SweepFacts) {
    return toReplayV1(sweep, this.ports.catalog.index.findById(sweep.functionId));
  }
}
