import {
  always,
  completes,
  failsThen,
  fromSdk,
  garbage,
  hang,
  raw,
  reset,
  sequentialSteps,
  startScriptedApp,
  streamed,
  type Script,
  type ScriptedApp,
} from '@perdure/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { CallRequest, Invoker } from './invoker.ts';

const MEBIBYTE = 1024 * 1024;
const BODY = '{"ctx":{"attempt":0,"run_id":"r1"},"event":{"data":{},"name":"e"},"events":[],"steps":{}}';

/** What every driver of the `Invoker` port must show. `open` is called before each test; `now` is the fixed clock. */
export function describeInvoker(name: string, open: (now: () => number) => Invoker): void {
  describe(`the ${name} invoker`, () => {
    const now = Date.UTC(2030, 0, 1);
    let invoker: Invoker;
    let app: ScriptedApp;

    beforeEach(async () => {
      invoker = open(() => now);
      app = await startScriptedApp({ name: 'app', functions: [] });
    });

    afterEach(async () => {
      await invoker.close();
      await app.stop();
    });

    function call(script: Script, more: Partial<CallRequest> = {}): ReturnType<Invoker['call']> {
      app.setFunctions([{ id: 'fn', script }]);
      const url = `${app.url}?fnId=app-fn&stepId=step`;
      return invoker.call({ url, headers: { 'x-run-id': 'r1' }, body: BODY, timeoutMs: 5_000, ...more });
    }

    test('the application gets the bytes, headers and query as given', async () => {
      await call(completes());

      const [got] = app.calls();
      expect(got?.rawBody).toBe(BODY);
      expect(got?.headers['x-run-id']).toBe('r1');
      expect(got?.url).toBe('/api/inngest?fnId=app-fn&stepId=step');
    });

    test('[P44] a 200 of an SDK completes the run, one of anything else is a failed attempt', async () => {
      expect(await call(completes({ z: 1 }))).toEqual({ kind: 'completed', output: '{"z":1}' });
      expect(await call(always(raw(200, {}, '{"z":1}')))).toMatchObject({ kind: 'failed', code: 'not_sdk' });
    });

    test('a 206 gives its ops and the request version', async () => {
      expect(await call(sequentialSteps(1))).toMatchObject({
        kind: 'ops',
        ops: [{ kind: 'step-done', displayName: 'step-1', memo: '{"data":{"step":1}}' }],
        requestVersion: 2,
      });
    });

    test('an error of the function is a failed attempt with its error, and when to retry it', async () => {
      expect(await call(failsThen(1, completes(), { name: 'Oops', retryAfter: '7' }))).toMatchObject({
        kind: 'failed',
        error: { name: 'Oops', message: 'attempt 0 fails' },
        isRetriable: true,
        retryAt: now + 7_000,
      });
      expect(await call(failsThen(1, completes(), { isRetriable: false }))).toMatchObject({ isRetriable: false });
    });

    test('[P50] a streamed answer is taken out of its envelope', async () => {
      const envelope = { status: 200, headers: { 'x-inngest-sdk': 'js:v4' }, body: '{"streamed":true}' };

      expect(await call(always(streamed(envelope)))).toEqual({ kind: 'completed', output: '{"streamed":true}' });
    });

    test('nonsense from an SDK is a failed attempt', async () => {
      expect(await call(always(garbage()))).toMatchObject({ kind: 'failed', isRetriable: true });
    });

    test('an application that is down or breaks off is a retriable failure, not an exception', async () => {
      const unreachable = { kind: 'failed', code: 'http_unreachable', isRetriable: true };

      expect(await call(always(reset()))).toMatchObject(unreachable);
      const url = `${app.url}?fnId=app-fn&stepId=step`;
      await app.stop();
      expect(await invoker.call({ url, headers: {}, body: BODY, timeoutMs: 5_000 })).toMatchObject(unreachable);
      app = await startScriptedApp({ functions: [] });
    });

    test('[P43] a call that outlasts its timeout is a retriable failure', async () => {
      expect(await call(always(hang()), { timeoutMs: 20 })).toMatchObject({
        kind: 'failed',
        code: 'request_duration_too_long',
        isRetriable: true,
      });
    });

    test('[P43] an answer may have 8 MiB and no more', async () => {
      const longest = 'x'.repeat(8 * MEBIBYTE - 2);

      expect(await call(always(fromSdk(200, longest)))).toMatchObject({ kind: 'completed' });
      expect(await call(always(fromSdk(200, `${longest}x`)))).toMatchObject({
        kind: 'failed',
        code: 'output_too_large',
      });
    });

    test('an aborted call settles, and the application sees it end', async () => {
      const stop = new AbortController();
      const answer = call(always(hang()), { signal: stop.signal });
      const hanging = await app.nextCall();

      stop.abort();

      expect(await answer).toMatchObject({ kind: 'failed' });
      await hanging.ended;
    });

    test('closing settles the calls that are open; a later call fails, a later close does nothing', async () => {
      const answer = call(always(hang()));
      await app.nextCall();

      await invoker.close();

      expect(await answer).toMatchObject({ kind: 'failed' });
      expect(await call(completes())).toMatchObject({ kind: 'failed' });
      await invoker.close();
    });

    test('a hundred calls at once are all answered, each with its own answer', async () => {
      app.setFunctions([{ id: 'fn', script: (got) => fromSdk(200, Number(got.headers['x-number'])) }]);
      const url = `${app.url}?fnId=app-fn&stepId=step`;
      const numbers = Array.from({ length: 100 }, (_, i) => String(i));

      const answers = await Promise.all(
        numbers.map((n) => invoker.call({ url, headers: { 'x-number': n }, body: BODY, timeoutMs: 5_000 })),
      );

      expect(answers).toEqual(numbers.map((n) => ({ kind: 'completed', output: n })));
    });
  });
}
