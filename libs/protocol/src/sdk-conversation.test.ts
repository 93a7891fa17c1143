import { hash } from 'node:crypto';
import { Inngest } from 'inngest';
import { serve } from 'inngest/edge';
import { expect, test } from 'vitest';
import type { StepHash } from '@perdure/domain';
import { classifyAnswer } from './answer/classify-answer.ts';
import type { SdkAnswer } from './answer/sdk-answer.ts';
import { buildCallBody } from './call/build-call-body.ts';
import { callHeaders } from './call/call-headers.ts';
import { callUrl } from './call/call-url.ts';
import { queueItemRef } from './call/queue-item-ref.ts';
import { type CheckpointResult, parseCheckpoint } from './checkpoint/parse-checkpoint.ts';
import { deliveredEventsJson } from './event/delivered-event.ts';

/**
 * The whole wire against the real npm SDK in one process: what we send is accepted under its signature, what it answers
 * and checkpoints is understood.
 */

const KEY = `signkey-prod-${'ab'.repeat(32)}`;
const RUN = '01M7XK68F0ZKFAGN56BY890HZ8';
const LEASE = { jobId: 'job-1', token: 'token-1' };
const EVENT = {
  internalId: '01M7XK68C90X045V23D89DFVDM',
  receivedAt: 1,
  name: 't/a',
  ts: 1_795_215_794_569,
  data: { n: 1 },
};
const hashOf = (stepId: string): StepHash => hash('sha1', stepId);

/** The SDK reports what user code throws. */
const SILENT = { info: noop, warn: noop, error: noop, debug: noop };

function noop(): void {}

interface Call {
  slug: string;
  target?: string;
  steps?: Record<StepHash, string>;
  attempt?: number;
  forcePlan?: boolean;
}

function startApp() {
  const checkpoints: CheckpointResult[] = [];
  const client = new Inngest({
    id: 'probe',
    isDev: false,
    signingKey: KEY,
    logger: SILENT,
    baseUrl: 'http://server.test',
    fetch: async (url: string | URL | Request, init?: RequestInit) => {
      const request = new Request(url, init);
      if (!request.url.endsWith('/async')) throw new Error(`unexpected request to ${request.url}`);
      checkpoints.push(parseCheckpoint(await request.json(), RUN));
      return new Response(null, { status: 200 });
    },
  });
  const sequential = client.createFunction(
    { id: 'sequential', triggers: [{ event: 't/a' }] },
    async ({ event, step }) => {
      const a = await step.run('a', () => ({ n: event.data.n }));
      await step.sleep('zz', '1s');
      return step.run('b', () => {
        throw new Error(`boom ${a.n}`);
      });
    },
  );
  const parallel = client.createFunction({ id: 'parallel', triggers: [{ event: 't/a' }] }, async ({ step }) => {
    const [p, q] = await Promise.all([step.run('p', () => 'é'), step.run('q', () => 2)]);
    return { p, q };
  });
  const handler = serve({ client, functions: [sequential, parallel] });
  return { checkpoints, call: (call: Call) => callApp(handler, call) };
}

async function callApp(handler: (request: Request) => Promise<Response>, call: Call): Promise<SdkAnswer> {
  const { slug, target = 'step', steps = {}, attempt = 0, forcePlan = false } = call;
  const ids = { runId: RUN, jobId: LEASE.jobId, functionId: 'fn-uuid', requestId: '01M7XK68JPV8BN9SERD0GCB539' };
  const shared = { ...ids, generation: 1, requestVersion: -1 };
  const body = buildCallBody({
    ...shared,
    queueItemRef: queueItemRef(LEASE),
    attempt,
    attemptsMax: 5,
    forcePlan,
    events: deliveredEventsJson([EVENT]),
    steps,
    stack: Object.keys(steps),
    stackPosition: Object.keys(steps).length,
  });
  const headers = callHeaders({
    ...shared,
    body,
    target,
    accountId: 'account',
    appId: 'app',
    serverKind: 'cloud',
    signing: { key: KEY, unixSeconds: Math.floor(Date.now() / 1000) },
  });
  const url = callUrl('http://localhost:3000/api/inngest', { slug, target });
  const response = await handler(
    new Request(url, { method: 'POST', headers: { ...headers, host: 'localhost:3000' }, body }),
  );
  const answered = Object.fromEntries(response.headers.entries());
  return classifyAnswer({ status: response.status, headers: answered, body: await response.text() }, 0);
}

const A = { [hashOf('a')]: '{"data":{"n":1}}' };

test('a step is checkpointed under the lease of the call, the sleep after it is answered', async () => {
  const { call, checkpoints } = startApp();

  const answer = await call({ slug: 'probe-sequential' });

  expect(checkpoints).toEqual([
    {
      ok: true,
      runId: RUN,
      functionId: 'fn-uuid',
      lease: LEASE,
      generation: 1,
      saves: [{ hash: hashOf('a'), memo: '{"data":{"n":1}}', isRace: false }],
      defers: [],
      metadata: [],
    },
  ]);
  expect(answer).toMatchObject({
    kind: 'ops',
    ops: [{ kind: 'sleep', hash: hashOf('zz'), duration: '1s', displayName: 'zz' }],
    requestVersion: 2,
  });
});

test('memos are replayed; a step that throws is a retriable failure, on the last attempt a final one', async () => {
  const { call } = startApp();
  const steps = { ...A, [hashOf('zz')]: 'null' };

  const first = await call({ slug: 'probe-sequential', steps });
  const last = await call({ slug: 'probe-sequential', steps, attempt: 4 });

  const error = { name: 'Error', message: 'boom 1' };
  expect(first).toMatchObject({ kind: 'ops', ops: [{ kind: 'step-error', hash: hashOf('b'), error }], noRetry: false });
  expect(last).toMatchObject({ kind: 'ops', ops: [{ kind: 'step-failed', hash: hashOf('b'), error }] });
});

test('the memo of a failed step is thrown in user code, and uncaught it fails the run at once', async () => {
  const { call } = startApp();
  const failed = { [hashOf('b')]: '{"error":{"message":"boom 1","name":"Error"}}' };

  const answer = await call({ slug: 'probe-sequential', steps: { ...A, [hashOf('zz')]: 'null', ...failed } });

  expect(answer).toMatchObject({ kind: 'failed', isRetriable: false, error: { message: 'boom 1' } });
  expect(answer).not.toHaveProperty('code');
});

test('parallel steps are planned, executed one by one when called for, and end the run when all are there', async () => {
  const { call } = startApp();
  const slug = 'probe-parallel';

  const planned = await call({ slug });
  const targeted = await call({ slug, target: hashOf('p'), forcePlan: true });
  const ended = await call({ slug, steps: { [hashOf('p')]: '{"data":"é"}', [hashOf('q')]: '{"data":2}' } });

  expect(planned).toMatchObject({
    kind: 'ops',
    ops: [
      { kind: 'step-planned', hash: hashOf('p') },
      { kind: 'step-planned', hash: hashOf('q') },
    ],
  });
  expect(targeted).toMatchObject({ ops: [{ kind: 'step-done', hash: hashOf('p'), memo: '{"data":"é"}' }] });
  expect(ended).toMatchObject({ ops: [{ kind: 'run-complete', output: '{"p":"é","q":2}' }] });
});
