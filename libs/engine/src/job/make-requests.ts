import { assertNever, STEP_OUTPUT_BYTES_MAX } from '@perdure/domain';
import {
  type AiGatewayOp,
  type GatewayOp,
  isOutbound,
  type Op,
  type SdkAnswer,
  settleOutbound,
} from '@perdure/protocol';
import type { ClaimedJob } from '@perdure/store';
import { hintOfCell } from '../hints/cell-hints.ts';
import type { Ports } from '../ports.ts';
import { LiveStream } from '../realtime/publish-live.ts';
import { type Commit, failRefused, OPS_MAX } from './decide-commit.ts';
import { jobFacts } from './watch-job.ts';

type Outbound = GatewayOp | AiGatewayOp;

/** Of one answer; the rest of them wait. Each may bring a step's whole output into memory. */
const REQUESTS_AT_ONCE_MAX = 16;

/** The requests that an answer asks the platform for; none where the answer ends the run or its attempt all the same. */
export function requestsOf(answer: SdkAnswer): Outbound[] {
  // A plain step: on the path of every call.
  if (answer.kind !== 'ops' || answer.ops.length > OPS_MAX || !answer.ops.some(isOutbound)) return [];
  return answer.ops.some((op) => op.kind === 'run-complete') ? [] : answer.ops.filter(isOutbound);
}

/**
 * Starts what an answer asks for beside its requests, so that nothing waits for these: a wait that is there before the
 * request may bring its event, steps that run meanwhile. The job stays with this executor. Answers why the run must fail, or
 * 'aborted' when the job is not this executor's any more.
 */
export async function startOthers(
  ports: Ports,
  job: ClaimedJob,
  { plans, isParallel, requestVersion }: Extract<Commit, { kind: 'advance' }>,
  requests: readonly Outbound[],
): Promise<Extract<Commit, { kind: 'fail' }> | 'aborted' | undefined> {
  if (plans.length === 0) return undefined;
  const { store, settings } = ports;
  const result = await store.advance({
    runId: job.run.runId,
    lease: { jobId: job.jobId, token: job.token },
    saves: [],
    plans,
    isParallel,
    discover: false,
    underway: requests.map(({ hash }) => hash),
    ...(requestVersion !== undefined && { requestVersion }),
    attemptsMax: job.attemptsMax,
    limits: { stepsMax: settings.stepsMax, stateBytesMax: settings.stateBytesMax },
  });
  switch (result.kind) {
    case 'advanced':
      hintOfCell(ports, 'jobs-ready', job.run.runId);
      return undefined;
    case 'stale':
    case 'run-gone':
      return 'aborted';
    case 'too-many-steps':
    case 'state-too-large':
    case 'signal-conflict':
      return failRefused(result.kind, settings);
    default:
      return assertNever(result);
  }
}

/**
 * Makes the requests of an answer and puts their outcomes in place of their ops: a step done, or a failed attempt of it,
 * which leads to the same call again (sdk-protocol.md 7.5). They are made at once; the job's lease is kept meanwhile. A crash
 * in between makes them again: as any step, a request is made at least once.
 *
 * What they carry is the user's: neither it nor their URL is logged or stored by this.
 */
export async function makeRequests(
  ports: Ports,
  job: ClaimedJob,
  answer: SdkAnswer,
  signal: AbortSignal,
): Promise<SdkAnswer | 'aborted'> {
  if (answer.kind !== 'ops') return answer;
  const settled = new Map<Op, Op>();
  const waiting = requestsOf(answer);
  const makeNext = async (): Promise<void> => {
    for (let op = waiting.shift(); op !== undefined && !signal.aborted; op = waiting.shift()) {
      settled.set(op, await makeRequest(ports, job, op, signal));
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE_MAX }, makeNext));
  if (signal.aborted) return 'aborted';
  const hasStepError = answer.ops.some((op) => op.kind === 'step-error');
  return {
    ...answer,
    ops: answer.ops.map((op) => settled.get(op) ?? op),
    // It speaks of an error that the SDK sent.
    noRetry: answer.noRetry && hasStepError,
  };
}

async function makeRequest(ports: Ports, job: ClaimedJob, op: Outbound, signal: AbortSignal): Promise<Op> {
  const { egress, settings, log } = ports;
  const facts = { ...jobFacts(job), step: op.displayName, op: op.kind };
  const published = publishedBody(ports, job, op);
  const answer = await egress.send(op.request, {
    timeoutMs: settings.callTimeoutMs,
    answerBytesMax: STEP_OUTPUT_BYTES_MAX,
    signal,
    ...(published && { onBody: published.take }),
  });
  published?.end();
  log.debug('a request was made for a step', {
    ...facts,
    outcome: answer.kind,
    ...(answer.kind === 'answered' && { status: answer.status }),
  });
  return settleOutbound(op, answer);
}

/** The stream that the body of the answer is published as, when the op names a topic; each attempt has its own. */
function publishedBody(ports: Ports, { run }: ClaimedJob, { kind, publish }: Outbound) {
  if (publish === undefined) return undefined;
  const { channel, topic } = publish;
  let stream: LiveStream | undefined;
  return {
    take: (bytes: Uint8Array, status: number): void => {
      // What a provider says of an error may repeat the key that it was asked with.
      if (kind === 'ai-gateway' && status >= 300) return;
      stream ??= new LiveStream(ports, { channel, topics: [topic], runId: run.runId });
      stream.write(bytes);
    },
    end: (): void => void stream?.end(),
  };
}
