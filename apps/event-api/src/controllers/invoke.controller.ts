import { Body, Controller, Headers, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { apiFailure, PORTS } from '@perdure/boot';
import { invokeFunction, type Ports } from '@perdure/engine';
import { isBearerAccepted } from '@perdure/protocol';

/** Starts one function by its slug. With keys configured it needs the signing key (docs/decisions/008). */
@Controller('invoke')
export class InvokeController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  @Post(':slug')
  @HttpCode(200)
  async invoke(
    @Param('slug') slug: string,
    @Body() body: string | undefined,
    @Headers('authorization') authorization: string | undefined,
  ) {
    if (!isBearerAccepted(authorization, this.ports.settings.signingKeys))
      throw apiFailure(401, 'Authentication failed');
    const result = await invokeFunction(this.ports, slug, body ?? '');
    if (result.kind === 'unreadable') throw apiFailure(400, 'Unable to read post data request');
    if (result.kind === 'unknown-function') throw apiFailure(404, `There is no function with the slug "${slug}"`);
    return { id: result.eventId, status: 200 };
  }
}
