import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, UseGuards } from '@nestjs/common';
import { apiFailure, PORTS } from '@perdure/boot';
import { addCancellation, checkEventExpression, type Ports } from '@perdure/engine';
import { envelope, parseCancellation, type SweepFacts, toCancellationV1 } from '@perdure/protocol';
import { BearerGuard } from './bearer.guard.ts';
import { getFunction } from './registered-function.ts';
import { getSweep, listSweeps, stopSweep } from './stored-sweep.ts';

/** Bulk cancellations (http-api.md 2.5). */
@Controller('v1/cancellations')
@UseGuards(BearerGuard)
export class CancellationsController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  @Post()
  @HttpCode(200)
  async create(@Body() body: string | undefined) {
    const now = this.ports.clock.now();
    const parsed = parseCancellation(body ?? '', { now, checkExpression: checkEventExpression });
    if (!parsed.ok) throw apiFailure(400, parsed.error);
    const { ok: _ok, appId, functionId, ...spec } = parsed;
    const fn = await getFunction(this.ports, { appId, functionId });
    return envelope(this.show(await addCancellation(this.ports, fn, spec)), now);
  }

  @Get()
  async list() {
    const sweeps = await listSweeps(this.ports, 'cancellation');
    return envelope(
      sweeps.map((sweep) => this.show(sweep)),
      this.ports.clock.now(),
    );
  }

  @Get(':id')
  async get(@Param('id') id: string) {
    return envelope(this.show(await getSweep(this.ports, 'cancellation', id)), this.ports.clock.now());
  }

  /** Ends it; what it cancelled stays so. A repeat, or one that is through, changes nothing. */
  @Delete(':id')
  async stop(@Param('id') id: string) {
    return stopSweep(this.ports, 'cancellation', id);
  }

  private show(sweep: SweepFacts) {
    return toCancellationV1(sweep, this.ports.catalog.index.findById(sweep.functionId));
  }
}
