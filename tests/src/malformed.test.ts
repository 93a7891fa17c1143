import type { JsonValue } from '@perdure/domain';
import { completed, ops, registration, stepRunOp } from '@perdure/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { useServer } from './harness/fixture.ts';
import type { Answer } from './harness/server-api.ts';

/** Requests a property sends; each costs a millisecond or two. */
const REQUESTS = 300;

const system = useServer();

/** Anything, and often something that is nearly right: one value of a good document replaced by any other. */
function nearly(good: JsonValue): fc.Arbitrary<JsonValue> {
  const paths = pathsOf(good);
  const damaged = fc
    .tuple(fc.constantFrom(...paths), fc.jsonValue())
    .map(([path, value]) => withValueAt(good, path, value as JsonValue));
  return fc.oneof(
    { weight: 3, arbitrary: damaged },
    { weight: 1, arbitrary: fc.jsonValue() as fc.Arbitrary<JsonValue> },
  );
}

function pathsOf(value: JsonValue): string[][] {
  if (typeof value !== 'object' || value === null) return [[]];
  return [[], ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner).map((path) => [key, ...path]))];
}

function withValueAt(value: JsonValue, path: readonly string[], replacement: JsonValue): JsonValue {
  const [key, ...rest] = path;
  if (key === undefined || typeof value !== 'object' || value === null) return replacement;
  const copy = structuredClone(value) as Record<string, JsonValue>;
  copy[key] = withValueAt(copy[key] ?? null, rest, replacement);
  return copy;
}

/** The server has taken it, or has said in JSON why not. */
function expectAnswer(answer: Answer): void {
  expect([200, 400, 401, 404, 409, 413], answer.text).toContain(answer.status);
  if (answer.status === 200) return;
  expect(answer.body).toMatchObject({ status: answer.status, error: expect.stringMatching(/.{5}/) });
}

test('[H8] whatever is posted as events is accepted or refused in words', async () => {
  const good = {
    name: 'malformed/event',
    data: { a: [1] },
    id: 'x',
    ts: 1_700_000_000_000,
    user: {},
    v: '1',
    meta: { sessions: {} },
  };

  await fc.assert(
    fc.asyncProperty(nearly([good, good]), async (body) => {
      expectAnswer(await system.api.postEvents(JSON.stringify(body)));
    }),
    { numRuns: REQUESTS },
  );
});

test('[H8][P17] whatever is posted as a registration is accepted or refused in words', async () => {
  const options = {
    concurrency: [{ limit: 1, key: 'event.data.a', scope: 'env' }],
    throttle: { limit: 1, period: '1s', burst: 1, key: 'event.data.a' },
    rateLimit: { limit: 1, period: '1s' },
    debounce: { period: '1s', timeout: '2s' },
    priority: { run: '100' },
    timeouts: { start: '1h', finish: '2h' },
    cancel: [{ event: 'a/b', if: 'async.data.a == event.data.a', timeout: '1h' }],
    idempotency: 'event.data.id',
  };
  const functions = [
    {
      id: 'f',
      triggers: [{ event: 'malformed/never', expression: 'event.data.a > 1' }, { cron: '0 0 1 1 *' }],
      retries: 1,
      options,
      script: () => completed(null),
    },
  ];
  const good = registration({ name: 'malformed', url: 'http://127.0.0.1:9/api/inngest', functions });

  await fc.assert(
    fc.asyncProperty(nearly(good), async (body) => {
      expectAnswer(await system.api.request('POST', '/fn/register', { body: JSON.stringify(body) }));
    }),
    { numRuns: REQUESTS },
  );
});

test('[P90][H8] whatever is posted as a checkpoint is accepted or refused in words, and the run goes on', async (ctx) => {
  const asked = Promise.withResolvers<void>();
  const app = await system.scriptedApp(ctx, 'patient', {
    id: 'patient',
    script: async () => {
      await asked.promise;
      return completed('as if nothing had been');
    },
  });
  const eventId = await system.api.sendOne({ name: 'test/patient' });
  const call = await app.nextCall();
  const { run_id, fn_id, qi_id, request_id, generation_id } = call.ctx;
  const steps = [{ ...stepRunOp('a', { x: 1 }), userland: { id: 'a' }, timing: { a: 1, b: 2 }, metadata: [] }];
  const good = {
    run_id,
    fn_id,
    qi_id,
    request_id,
    generation_id,
    request_started_at: Date.now(),
    steps,
    ts: Date.now(),
  };

  await fc.assert(
    fc.asyncProperty(nearly(JSON.parse(JSON.stringify(good)) as JsonValue), async (body) => {
      expectAnswer(await system.api.request('POST', `/v1/checkpoint/${run_id}/async`, { body: JSON.stringify(body) }));
    }),
    { numRuns: REQUESTS },
  );
  asked.resolve();

  expect(await system.api.waitForRun(eventId)).toMatchObject({ status: 'Completed', output: 'as if nothing had been' });
});

test('[P47] whatever an application answers, its run ends and the server stays', async (ctx) => {
  const good = JSON.parse(
    JSON.stringify([
      { ...stepRunOp('a', { x: 1 }), userland: { id: 'a', index: 1 }, timing: { a: 1, b: 2 } },
      stepRunOp('b', 2),
    ]),
  ) as JsonValue;
  const bodies = fc.sample(nearly(good), REQUESTS);
  const seen = new Set<string>();
  const app = await system.scriptedApp(ctx, 'nonsense', {
    id: 'nonsense',
    retries: 0,
    script: (call) => {
      // The first answer is nonsense, and what the server makes of it is its own affair: then the function ends.
      if (call.ctx.stack.stack.length > 0 || call.attempt > 0 || seen.has(call.runId)) return completed('end');
      seen.add(call.runId);
      return {
        ...ops(),
        kind: 'answer',
        status: 206,
        headers: { 'x-inngest-sdk': 'js:v4.0.0', 'x-inngest-req-version': '2' },
        body: JSON.stringify(bodies[Number(call.event.data['n'])]),
      };
    },
  });

  const eventIds = await system.api.send(...bodies.map((_, n) => ({ name: 'test/nonsense', data: { n } })));
  const runs = await Promise.all(eventIds.map((eventId) => system.api.waitForRun(eventId, { waitMs: 40_000 })));

  expect(runs.filter((run) => !['Completed', 'Failed'].includes(run.status))).toEqual([]);
  expect(app.callCount).toBeGreaterThanOrEqual(REQUESTS);
});

test('[H8] whatever stands in a path is an ID or a reason', async () => {
  const routes = [
    ['GET', '/v1/events/', ''],
    ['GET', '/v1/events/', '/runs'],
    ['GET', '/v1/runs/', ''],
    ['DELETE', '/v1/runs/', ''],
    ['GET', '/v0/runs/', '/actions'],
    ['GET', '/v0/runs/', '/batch'],
  ] as const;

  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...routes),
      // Dots alone are another path.
      fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !/^\.+$/.test(text)),
      async ([method, before, after], text) => {
        const answer = await system.api.request(method, `${before}${encodeURIComponent(text)}${after}`);
        expect([400, 404], answer.text).toContain(answer.status);
        expect(answer.body).toMatchObject({ status: answer.status, error: expect.any(String) });
      },
    ),
    { numRuns: REQUESTS },
  );
});
