import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RawAnswer, SdkAnswer } from './sdk-answer.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import { classifyAnswer, transportFailure } from './classify-answer.ts';

const NOW = Date.UTC(2026, 10, 20, 23, 6, 28);
const SDK = { 'x-inngest-sdk': 'inngest-js:v4.24.0' };

function answer(status: number, body: unknown, headers: Record<string, string> = {}): SdkAnswer {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return classifyAnswer({ status, headers: { ...SDK, ...headers }, body: text }, NOW);
}

function foreign(status: number, body: string, headers: Record<string, string> = {}): SdkAnswer {
  return classifyAnswer({ status, headers, body }, NOW);
}

describe('the end of a run', () => {
  test('[P44] 200 of an SDK completes with the canonical body', () => {
    expect(answer(200, '{"b":1,"a":[null]}')).toEqual({ kind: 'completed', output: '{"a":[null],"b":1}' });
  });

  test.each([
    ['plain text', '"plain text"'],
    ['"a string"', '"a string"'],
    ['"{\\"z\\":1}"', '{"z":1}'],
    ['"[1]"', '[1]'],
    ['"123"', '"123"'],
    ['"{not json"', '"{not json"'],
    ['{"data":"{\\"z\\":1}"}', '{"data":"{\\"z\\":1}"}'],
    ['{"body":1,"status":200}', '{"body":1,"status":200}'],
    ['', 'null'],
    ['null', 'null'],
  ])('[P52] the result of %j is %s', (body, output) => {
    expect(answer(200, body)).toEqual({ kind: 'completed', output });
  });

  test.each([200, 201, 204, 206])('[P44][P45][E52] a 2xx (%d) that is not of an SDK is a failed attempt', (status) => {
    expect(foreign(status, '[]')).toMatchObject({
      kind: 'failed',
      code: 'not_sdk',
      isRetriable: true,
      error: { message: 'The response did not come from an Inngest SDK' },
    });
  });
});

describe('failures', () => {
  test.each([400, 404, 410, 500, 503])('[P48] status %d of an SDK is retried unless it says otherwise', (status) => {
    const body = { name: 'TypeError', message: 'boom', stack: 's', __serialized: true };

    expect(answer(status, body)).toMatchObject({ kind: 'failed', isRetriable: true });
    expect(answer(status, body, { 'x-inngest-no-retry': 'false' })).toMatchObject({ isRetriable: true });
    expect(answer(status, body, { 'x-inngest-no-retry': 'true' })).toMatchObject({ isRetriable: false });
  });

  test('[P48] a 4xx of an old npm release is final, unless a header says otherwise', () => {
    const old = { 'x-inngest-sdk': 'inngest-js:v2.4.0' };

    expect(answer(400, {}, old)).toMatchObject({ kind: 'failed', isRetriable: false });
    expect(answer(400, {}, { ...old, 'x-inngest-no-retry': 'false' })).toMatchObject({ isRetriable: true });
    expect(answer(500, {}, old)).toMatchObject({ isRetriable: true });
  });

  test("the function's own error is the output as it was sent, and an error with name and message", () => {
    const body = { stack: 's', name: 'TypeError', message: 'boom', __serialized: true, cause: { a: 1 } };

    expect(answer(500, body)).toEqual({
      kind: 'failed',
      error: { name: 'TypeError', message: 'boom', stack: 's', cause: { a: 1 } },
      output: canonicalJson(body),
      isRetriable: true,
    });
  });

  test.each<[string, { name: string; message: string }]>([
    ['{"message":"only that"}', { name: 'Error', message: 'only that' }],
    ['{"error":"old"}', { name: 'Error', message: 'old' }],
    ['{"type":"internal"}', { name: 'Error', message: '{"type":"internal"}' }],
    ['{"name":1,"message":null}', { name: 'Error', message: '{"message":null,"name":1}' }],
    ['"{\\"name\\":\\"A\\",\\"message\\":\\"b\\"}"', { name: 'A', message: 'b' }],
    ['went wrong', { name: 'Error', message: 'went wrong' }],
    ['', { name: 'Error', message: 'null' }],
  ])('the error of %j has name and message', (body, error) => {
    expect(answer(500, body)).toMatchObject({ error });
  });

  test('[P51] a status of something in front of the SDK gives a readable error', () => {
    const failed = foreign(502, `<html>${'x'.repeat(9000)}`, { 'content-type': 'text/html' });

    expect(failed).toMatchObject({
      kind: 'failed',
      code: 'http_not_ok',
      isRetriable: true,
      error: {
        name: 'Server returned a fatal error',
        message: 'Your server returned HTTP 502 before the SDK responded.',
        stack: expect.stringMatching(/Upstream response \(text\/html\):\n<html>x+$/),
      },
    });
    expect(failed).toMatchObject({ output: expect.stringContaining('"error":"Your server returned HTTP 502') });
    expect(JSON.stringify(failed).length).toBeLessThan(20_000);
  });

  test('npm refusing our signature is recognised and retried', () => {
    const refused = foreign(401, '{"message":"Unauthorized"}', { 'x-inngest-sdk-handled': 'true' });

    expect(refused).toMatchObject({ kind: 'failed', code: 'sig_verification_failed', isRetriable: true });
  });

  test('a call without an answer is retriable, except that a body too large stays so', () => {
    expect(transportFailure('http_unreachable', 'Unable to reach SDK URL')).toEqual({
      kind: 'failed',
      code: 'http_unreachable',
      error: { name: 'http_unreachable', message: 'Unable to reach SDK URL' },
      output:
        '{"code":"http_unreachable","error":"Unable to reach SDK URL","message":"Unable to reach SDK URL","name":"http_unreachable"}',
      isRetriable: true,
    });
    expect(transportFailure('output_too_large', 'too large')).toMatchObject({ isRetriable: false });
  });

  test.each([
    ['5', NOW + 5000],
    ['0', NOW],
    ['172800', NOW + 172_800_000],
    ['2026-11-20T23:06:30.5Z', NOW + 2500],
    ['2026-11-21T00:06:30+01:00', NOW + 2000],
    ['2026-11-20T23:06:28.0001Z', NOW + 1],
    ['Fri, 20 Nov 2026 23:06:38 GMT', NOW + 10_000],
  ])('retry-after %j is an instant', (header, retryAt) => {
    expect(answer(500, {}, { 'retry-after': header })).toMatchObject({ retryAt });
    expect(answer(206, [], { 'retry-after': header })).toMatchObject({ retryAt });
  });

  test.each(['', 'soon', '-1', '1.5', '12345678', 'Fri'])('retry-after %j is ignored', (header) => {
    expect(answer(500, {}, { 'retry-after': header })).not.toHaveProperty('retryAt');
  });
});

describe('ops', () => {
  test.each(['[]', 'null'])('206 with %s asks for another discovery', (body) => {
    expect(answer(206, body)).toEqual({ kind: 'ops', ops: [{ kind: 'none' }], noRetry: false });
  });

  test('[P75] a single object counts as one op, names in any letter case', () => {
    expect(answer(206, { op: 'STEPPLANNED', id: 'h' })).toMatchObject({
      kind: 'ops',
      ops: [{ kind: 'step-planned', hash: 'h' }],
    });
  });

  test('the request version is told when the SDK gives one', () => {
    expect(answer(206, [], { 'x-inngest-req-version': '2' })).toMatchObject({ requestVersion: 2 });
    expect(answer(206, [], { 'x-inngest-req-version': '0' })).not.toHaveProperty('requestVersion');
    expect(answer(206, [], { 'x-inngest-req-version': 'x' })).not.toHaveProperty('requestVersion');
  });

  test('retry control applies to the ops', () => {
    const headers = { 'x-inngest-no-retry': 'true', 'retry-after': '7' };

    expect(answer(206, [{ op: 'StepError', id: 'h', error: {} }], headers)).toMatchObject({
      noRetry: true,
      retryAt: NOW + 7000,
    });
  });

  test.each<[unknown, string]>([
    ['', 'no response data'],
    ['  ', 'no response data'],
    ['{', 'error parsing ops'],
    ['"x"', '[0]: expected an op'],
    ['7', '[0]: expected an op'],
    [[null], '[0]: expected an op, found nothing'],
    [[{ op: 'StepRun', id: 'a' }, null], '[1]'],
    [[{ op: 'StepNotFound', id: 'a' }], '"StepNotFound" is not a known op'],
    [[{ op: 'constructor', id: 'a' }], '"constructor" is not a known op'],
    [[{ id: 'a' }], '[0].op'],
    [[{ op: 'StepRun' }], '[0].id'],
    [[{ op: 'StepRun', id: '' }], '[0].id'],
    [[{ op: 'StepError', id: 'a' }], '[0].error'],
    [[{ op: 'StepFailed', id: 'a', error: null }], '[0].error'],
    [[{ op: 'WaitForEvent', id: 'a', opts: {} }], '[0].opts.event'],
    [[{ op: 'InvokeFunction', id: 'a', opts: {} }], '[0].opts.function_id'],
    [[{ op: 'InvokeFunction', id: 'a', opts: { function_id: 'f', payload: [] } }], '[0].opts.payload'],
    [[{ op: 'WaitForSignal', id: 'a', opts: {} }], '[0].opts.signal'],
    [[{ op: 'Gateway', id: 'a', opts: {} }], '[0].opts.url'],
    [[{ op: 'AIGateway', id: 'a', opts: { format: 'bedrock' } }], '[0].opts.url'],
    [[{ op: 'DeferAbort', id: 'a', opts: {} }], '[0].opts.target_hashed_id'],
  ])('[P47] %j is a failed attempt that says why', (body, message) => {
    const result = answer(206, body);

    expect(result).toMatchObject({ kind: 'failed', code: 'answer_invalid', isRetriable: true });
    expect(result).toMatchObject({ error: { message: expect.stringContaining(message) } });
  });

  test('an input above 4 MiB fails the attempt', () => {
    const op = { op: 'StepPlanned', id: 'a', opts: { input: ['x'.repeat(4 * 1024 * 1024)] } };

    expect(answer(206, [op])).toMatchObject({ kind: 'failed', error: { message: expect.stringContaining('input') } });
  });
});

describe('streams', () => {
  test('[P50] whitespace, then an envelope whose body is encoded twice and whose headers win', () => {
    const envelope = {
      status: 206,
      headers: { 'X-Inngest-Req-Version': '2', 'x-inngest-no-retry': 'true' },
      body: JSON.stringify([{ op: 'StepRun', id: 'h', data: 1 }]),
    };

    const result = answer(201, `   \n ${JSON.stringify(envelope)}\n`, { 'x-inngest-req-version': '1' });

    expect(result).toMatchObject({
      kind: 'ops',
      ops: [{ kind: 'step-done', memo: '{"data":1}' }],
      requestVersion: 2,
      noRetry: true,
    });
  });

  test('a body that is not encoded twice is read too', () => {
    expect(answer(201, { status: 200, body: { a: 1 } })).toEqual({ kind: 'completed', output: '{"a":1}' });
  });

  test("Go's controls beside the headers count", () => {
    const body = { status: 500, body: { message: 'm' } };

    expect(answer(201, { ...body, noRetry: true })).toMatchObject({ kind: 'failed', isRetriable: false });
    expect(answer(201, { ...body, retryAt: '2026-11-20T23:06:30Z' })).toMatchObject({ retryAt: NOW + 2000 });
  });

  test.each([
    ['not json', 'error parsing stream: '],
    ['', 'error parsing stream: '],
    ['[]', 'error parsing stream: it is not an object'],
    ['{}', 'error parsing stream: it has no status'],
    ['{"status":201,"body":"{}"}', 'error parsing stream: '],
    ['{"status":200,"body":"1","error":"it broke"}', 'it broke'],
  ])('[P50] the stream %j is a failed attempt', (body, message) => {
    const result = answer(201, body);

    expect(result).toMatchObject({ kind: 'failed', isRetriable: true });
    expect(result).toMatchObject({ error: { message: expect.stringContaining(message) } });
  });
});

test('whatever an application answers, the classification is a value', () => {
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.json().map((json) => JSON.stringify({ status: 206, body: json })),
  );
  const status = fc.oneof(fc.constantFrom(200, 201, 206, 400, 500), fc.integer({ min: 100, max: 599 }));
  const headers = fc.dictionary(fc.constantFrom('x-inngest-sdk', 'x-inngest-no-retry', 'retry-after'), fc.string());
  fc.assert(
    fc.property(fc.record({ status, headers, body: text }), (raw: RawAnswer) => {
      expect(['ops', 'completed', 'failed']).toContain(classifyAnswer(raw, NOW).kind);
    }),
    { numRuns: 500 },
  );
});
