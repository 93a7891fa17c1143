import { Body, Controller, Delete, Headers, HttpCode, Inject, Post, Query, UseGuards } from '@nestjs/common';
import { apiFailure, HttpFailure, PORTS } from '@perdure/boot';
import { type Ports, removeApp, syncApp } from '@perdure/engine';
import { HEADERS, parseJson, registerErrorReply, registerReply, serverKindMismatch } from '@perdure/protocol';
import { BearerGuard } from './bearer.guard.ts';

@Controller('fn')
@UseGuards(BearerGuard)
export class RegistrationController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  @Post('register')
  @HttpCode(200)
  async register(@Body() body: string | undefined, @Headers(HEADERS.expectedServerKind) expected: string | undefined) {
    const mismatch = serverKindMismatch(expected, this.ports.settings.serverKind);
    if (mismatch !== undefined) throw apiFailure(400, mismatch);
    const parsed = parseJson(body ?? '');
    if (!parsed.ok) throw apiFailure(400, `Invalid request: ${parsed.message}`);
    const result = await syncApp(this.ports, parsed.value);
    if (result.kind === 'refused') throw new HttpFailure(400, registerErrorReply(result));
    return registerReply({ isModified: result.modified, syncId: result.syncId, appId: result.appId });
  }

  @Delete('remove')
  async remove(@Query('url') url: string | undefined) {
    const isRemoved = await removeApp(this.ports, url ?? '');
    if (!isRemoved) throw apiFailure(404, `App not found: ${url ?? ''}`);
  }
}
