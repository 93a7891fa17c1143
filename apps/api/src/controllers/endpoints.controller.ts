import { Body, Controller, HttpCode, Inject, Param, Post, UseGuards } from '@nestjs/common';
import { DEFAULT_ACCOUNT_ID, DEFAULT_ENV_ID, isUlid, type RunId } from '@perdure/domain';
import { apiFailure, PORTS } from '@perdure/boot';
import { commitEndpointOps, type EndpointCommit, type Ports, startEndpointRun } from '@perdure/engine';
import {
  envelope,
  parseEndpointRun,
  parseEndpointSteps,
  RELAY_TOPIC,
  signLiveToken,
  signToken,
} from '@perdure/protocol';
import { BearerGuard } from './bearer.guard.ts';

const OUTPUT_TOKEN_S = 3_600;
const REALTIME_TOKEN_S = 16 * 60;

/** Runs that durable endpoints begin by themselves (sdk-protocol.md 9.1.2, 9.1.3). */
@Controller(['v1/checkpoint', 'v1/http/runs'])
@UseGuards(BearerGuard)
export class EndpointsController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  @Post()
  @HttpCode(200)
  async start(@Body() body: string | undefined) {
    const parsed = parseEndpointRun(body ?? '');
    if (!parsed.ok) throw apiFailure(parsed.status, parsed.error);
    const result = await startEndpointRun(this.ports, parsed);
    if (result.kind === 'exists') throw apiFailure(409, `The run ${parsed.runId} exists already`);
    if (result.kind === 'skipped') throw apiFailure(409, `The endpoint takes no runs: ${result.reason}`);
    const { fn, commit } = result;
    if (commit !== 'gone') refuseUncommitted(commit, parsed.runId);
    const answer = { fn_id: fn.id, app_id: fn.appId, run_id: parsed.runId, ...this.tokens(parsed.runId) };
    return envelope(answer, this.ports.clock.now());
  }

  @Post(':runId/steps')
  @HttpCode(200)
  async save(@Param('runId') runId: string, @Body() body: string | undefined): Promise<void> {
    if (!isUlid(runId)) throw apiFailure(400, `Invalid run ID: ${runId}`);
    const parsed = parseEndpointSteps(body ?? '', runId);
    if (!parsed.ok) throw apiFailure(parsed.status, parsed.error, { run_id: runId });
    const commit = await commitEndpointOps(this.ports, runId, parsed.ops);
    // The end of a run that is told twice has been taken the first time.
    if (commit === 'gone' && parsed.ops.some((op) => op.kind === 'run-complete')) return;
    refuseUncommitted(commit, runId);
  }

  /** What the endpoint's client may wait for the output with, and listen to. */
  private tokens(runId: RunId): { token: string; realtime_token: string } {
    const { clock, settings, ids } = this.ports;
    const now = clock.now();
    const iat = Math.floor(now / 1_000);
    const [key] = settings.signingKeys;
    const claim = { iss: 'api.inngest.com', sub: 'run-claim', exp: iat + OUTPUT_TOKEN_S, iat, Env: DEFAULT_ENV_ID };
    const topic = { kind: 'run', envId: DEFAULT_ENV_ID, channel: runId, name: RELAY_TOPIC };
    const listen = signLiveToken(
      { topics: [topic], mayPublish: false },
      {
        signingKey: key,
        accountId: DEFAULT_ACCOUNT_ID,
        envId: DEFAULT_ENV_ID,
        id: ids.ulid(now),
        now,
        lifetimeS: REALTIME_TOKEN_S,
      },
    );
    return { token: signToken({ ...claim, RunID: runId }, key), realtime_token: listen };
  }
}

function refuseUncommitted(commit: EndpointCommit, runId: RunId): void {
  switch (commit) {
    case 'committed':
      return;
    case 'gone':
      throw apiFailure(409, `There is no live run ${runId}`, { run_id: runId });
    case 'stale':
      throw apiFailure(409, 'The platform has gone on with this run', { run_id: runId });
    case 'too-large':
      throw apiFailure(413, 'The run exceeded its limits and was ended', { run_id: runId });
  }
}
