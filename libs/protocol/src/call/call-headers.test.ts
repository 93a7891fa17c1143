import { expect, test } from 'vitest';
import { signBody } from '../signature/sign-body.ts';
import { callHeaders, type CallHeaders } from './call-headers.ts';
import { parseQueueItemRef, queueItemRef } from './queue-item-ref.ts';

const CALL: CallHeaders = {
  body: '{}',
  runId: '01M7XK68F0ZKFAGN56BY890HZ8',
  jobId: 'job',
  target: '86f7e437faa5a7fce15d1ddcb9eaeaea377667b8',
  requestId: '01M7XK68JPV8BN9SERD0GCB539',
  generation: 2,
  requestVersion: -1,
  accountId: '00000000-0000-4000-a000-000000000000',
  appId: 'app-uuid',
  functionId: 'fn-uuid',
  serverKind: 'dev',
};

test('[P34] a call carries every header of the protocol', () => {
  const headers = callHeaders({ ...CALL, signing: { key: 'ab', unixSeconds: 5 } });

  expect(headers).toEqual({
    'content-type': 'application/json',
    'user-agent': 'Perdure',
    'x-inngest-server-kind': 'dev',
    'x-inngest-signature': signBody('ab', '{}', 5),
    'x-run-id': CALL.runId,
    'x-inngest-step-id': CALL.target,
    'x-inngest-req-version': '-1',
    'x-request-id': CALL.requestId,
    'x-inngest-job-id': 'job',
    'x-inngest-generation-id': '2',
    'account-id': CALL.accountId,
    traceparent: expect.stringMatching(/^00-[\da-f]{32}-[\da-f]{16}-01$/),
    tracestate: expect.stringMatching(/^inngest@traceref=%7B%22tp%22.*,inngest@fn=fn-uuid,inngest@app=app-uuid$/),
  });
});

test('without a key there is no signature', () => {
  expect(callHeaders(CALL)).not.toHaveProperty('x-inngest-signature');
});

test('the calls of a run share a trace; each request is a span of its own, the same when repeated', () => {
  const parent = (call: CallHeaders): string[] => callHeaders(call)['traceparent']?.split('-') ?? [];
  const [, trace, span] = parent(CALL);

  const next = parent({ ...CALL, requestId: 'other', jobId: 'other' });

  expect(parent({ ...CALL })).toEqual(parent(CALL));
  expect(next[1]).toBe(trace);
  expect(next[2]).not.toBe(span);
});

test('a call that the platform traces names its span to the application, in both headers', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  const headers = callHeaders({ ...CALL, traceparent });

  expect(headers['traceparent']).toBe(traceparent);
  expect(headers['tracestate']).toContain(encodeURIComponent(JSON.stringify({ tp: traceparent, ts: '' })));
});

test.each([
  { jobId: 'fn:idem-hash', token: 'abc.1' },
  { jobId: '5:x', token: '7:y:' },
  { jobId: 'jöb €', token: 'ü' },
])('the reference of %j comes back', (ref) => {
  expect(parseQueueItemRef(queueItemRef(ref))).toEqual(ref);
});

test.each([
  '',
  'x',
  'M2FldG41dGlzdnIzaTo6ZGVmYXVsdA==',
  Buffer.from('9:abc').toString('base64'),
  Buffer.from('0:abc').toString('base64'),
])('%j is no reference of ours', (ref) => {
  expect(parseQueueItemRef(ref)).toBeUndefined();
});
