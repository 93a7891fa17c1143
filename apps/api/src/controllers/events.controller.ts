import { Controller, Get, Inject, Param, Query, UseGuards } from '@nestjs/common';
import { DEFAULT_ENV_ID, type EventId, isUlid } from '@perdure/domain';
import { apiFailure, PORTS } from '@perdure/boot';
import type { Ports } from '@perdure/engine';
import { envelope, toEventV1, toRunV1 } from '@perdure/protocol';
import { BearerGuard } from './bearer.guard.ts';
import { parseEventQuery } from './event-query.ts';

@Controller('v1/events')
@UseGuards(BearerGuard)
export class EventsController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  @Get()
  async list(@Query() query: Record<string, string | undefined>) {
    const now = this.ports.clock.now();
    const parsed = parseEventQuery(query, now);
    if (!parsed.ok) throw apiFailure(400, parsed.message);
    const records = await this.ports.history.listEvents({ envId: DEFAULT_ENV_ID, ...parsed.query });
    return envelope(records.map(toEventV1), now);
  }

  @Get(':eventId')
  async get(@Param('eventId') eventId: string) {
    const record = await this.ports.history.findEvent(parseEventId(eventId));
    if (record === undefined) throw apiFailure(404, `Unable to find event: ${eventId}`);
    return envelope(toEventV1(record), this.ports.clock.now());
  }

  @Get(':eventId/runs')
  async runs(@Param('eventId') eventId: string) {
    const runs = await this.ports.history.listRunsOfEvent(parseEventId(eventId));
    return envelope(runs.map(toRunV1), this.ports.clock.now());
  }
}

function parseEventId(text: string): EventId {
  if (!isUlid(text)) throw apiFailure(400, `Invalid event ID: ${text}`);
  return text;
}
