import { gzipSync } from 'node:zlib';

import { always, startScriptedApp } from '@perdure/testing';
import { expect, test } from 'vitest';

import { describeInvoker } from '../../invoker.contract.ts';
import { openHttpInvoker } from './http-invoker.ts';

describeInvoker('http', (now) => openHttpInvoker({ now }));

test('a compressed answer is decoded; one that cannot be, or unpacks to too much, is a failed attempt', async () => {
  const invoker = openHttpInvoker({ now: () => 0, answerBytesMax: 1_000 });
  const app = await startScriptedApp({ name: 'app', functions: [] });
  const serve = (body: Buffer): ReturnType<typeof invoker.call> => {
    const headers = { 'x-inngest-sdk': 'js:v4', 'content-encoding': 'gzip' };
    app.setFunctions([{ id: 'fn', script: always({ kind: 'answer', status: 200, headers, body }) }]);
    return invoker.call({ url: `${app.url}?fnId=app-fn&stepId=step`, headers: {}, body: '{}', timeoutMs: 5_000 });
  };

  expect(await serve(gzipSync('{"packed":1}'))).toEqual({ kind: 'completed', output: '{"packed":1}' });
  expect(await serve(Buffer.from('plain'))).toMatchObject({ kind: 'failed', code: 'http_unreachable' });
  expect(await serve(gzipSync('x'.repeat(1_001)))).toMatchObject({ kind: 'failed', code: 'output_too_large' });

  await invoker.close();
  await app.stop();
});
