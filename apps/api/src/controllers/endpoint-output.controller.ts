import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { isEnded, isUlid, type RunId } from '@perdure/domain';
import { apiFailure, PORTS } from '@perdure/boot';
import { findRun, type Ports } from '@perdure/engine';
import { endpointOutput, readToken } from '@perdure/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';

const WAIT_MS = 5 * 60_000;
const LOOK_MS = 100;
const LOOK_MAX_MS = 1_000;

/** What the client of a durable endpoint waits at: with the token of the run alone (sdk-protocol.md 9.1.5). */
@Controller(['v1/checkpoint', 'v1/http/runs'])
export class EndpointOutputController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  @Get(':runId/output')
  async wait(
    @Param('runId') runId: string,
    @Query('token') token: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (!this.isOf(runId, token ?? '')) throw apiFailure(401, 'Unable to find run with auth token');
    const run = await this.waitForEnd(runId, () => request.raw.socket.destroyed);
    if (run === undefined) {
      await reply.send({ status: 'running', message: 'run did not end within 5 minutes' });
      return;
    }
    const { status, headers, body } = endpointOutput(run);
    await reply.status(status).headers(headers).send(body);
  }

  private isOf(runId: string, token: string): boolean {
    const { settings, clock } = this.ports;
    const nowSeconds = clock.now() / 1_000;
    const claims = readToken(token, { signingKeys: settings.signingKeys, nowSeconds });
    return isUlid(runId) && claims?.['sub'] === 'run-claim' && claims['RunID'] === runId;
  }

  private async waitForEnd(runId: RunId, isGone: () => boolean): Promise<Awaited<ReturnType<typeof findRun>>> {
    const deadline = performance.now() + WAIT_MS;
    let pauseMs = LOOK_MS;
    while (performance.now() < deadline && !isGone()) {
      const run = await findRun(this.ports, runId);
      if (run !== undefined && isEnded(run.status)) return run;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      pauseMs = Math.min(LOOK_MAX_MS, pauseMs * 1.2);
    }
    return undefined;
  }
}
