import { Body, Controller, Headers, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { HttpFailure, PORTS } from '@perdure/boot';
import { type Ports, receiveEvents } from '@perdure/engine';
import { eventErrorReply, eventReply, HEADERS, isEqualText } from '@perdure/protocol';

@Controller('e')
export class EventsController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  @Post(':eventKey')
  @HttpCode(200)
  async receive(
    @Param('eventKey') eventKey: string,
    @Body() body: string | undefined,
    @Headers() headers: Record<string, string | undefined>,
  ) {
    if (!this.isAccepted(eventKey)) {
      this.ports.telemetry.metrics.eventRequestsRejected.add(1, 'key');
      throw unknownKey();
    }
    const contentType = headers['content-type'];
    const seed = headers[HEADERS.eventIdSeed];
    const traceparent = headers[HEADERS.traceparent];
    const result = await receiveEvents(this.ports, {
      body: body ?? '',
      ...(contentType !== undefined && { contentType }),
      ...(seed !== undefined && { seed }),
      ...(traceparent !== undefined && { traceparent }),
    });
    if (result.kind === 'rejected') throw new HttpFailure(400, eventErrorReply({ status: 400, ...result }));
    return eventReply(result.ids);
  }

  private isAccepted(eventKey: string): boolean {
    const { eventKeys } = this.ports.settings;
    return eventKeys.length === 0 || eventKeys.some((key) => isEqualText(key, eventKey));
  }

  @Post()
  missingKey(): never {
    throw unknownKey();
  }
}

function unknownKey(): HttpFailure {
  return new HttpFailure(401, eventErrorReply({ status: 401, message: 'Event key not found' }));
}
