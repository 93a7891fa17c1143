import { completes, registration, startScriptedApp } from '@perdure/testing';
import type { JsonObject, JsonValue } from '@perdure/domain';
import { describe, expect, test } from 'vitest';

import { useServer } from './harness/fixture.ts';

const NOWHERE = 'http://127.0.0.1:9/api/inngest';
const BATCH = { maxSize: 10, timeout: '5s' };

/** Options that are refused: what is registered, and the path and code of each error. */
type Refused = [what: string, options: JsonObject, ...errors: [path: string, code: string][]];

const COMBINATIONS: Refused[] = [
  ['cancelOn', { cancel: [{ event: 'a/b' }] }, ['batchEvents', 'combo_unsupported']],
  ['debounce', { debounce: { period: '5s' } }, ['batchEvents', 'combo_unsupported']],
  ['singleton', { singleton: { mode: 'skip' } }, ['batchEvents', 'combo_unsupported']],
  ['priority', { priority: { run: '100' } }, ['batchEvents', 'combo_unsupported']],
  ['rateLimit', { rateLimit: { limit: 1, period: '1m' } }, ['batchEvents', 'combo_unsupported']],
  [
    'debounce and priority',
    { debounce: { period: '5s' }, priority: { run: '100' } },
    ['batchEvents', 'combo_unsupported'],
    ['batchEvents', 'combo_unsupported'],
  ],
];

const CONCURRENCY = 'concurrency_limit_invalid';
const OPTIONS: Refused[] = [
  ['no slot', { concurrency: 0 }, ['concurrency', CONCURRENCY]],
  ['less than none', { concurrency: { limit: -1 } }, ['concurrency.limit', CONCURRENCY]],
  ['three limits', { concurrency: [{ limit: 1 }, { limit: 2 }, { limit: 3 }] }, ['concurrency', CONCURRENCY]],
  ['a shared limit without a key', { concurrency: { limit: 1, scope: 'env' } }, ['concurrency.scope', CONCURRENCY]],
  ['an unknown scope', { concurrency: { limit: 1, scope: 'team' } }, ['concurrency.scope', CONCURRENCY]],
  ['a key that is no expression', { concurrency: { limit: 1, key: 'event.' } }, ['concurrency.key', CONCURRENCY]],
  ['two limits of runs', { concurrency: { fn: [{ limit: 1 }, { limit: 2 }] } }, ['concurrency.fn', CONCURRENCY]],
  ['no run', { concurrency: { fn: [{ limit: 0 }] } }, ['concurrency.fn[0].limit', CONCURRENCY]],
  [
    'a limit of runs of an account',
    { concurrency: { fn: [{ limit: 1, scope: 'account', key: '"a"' }] } },
    ['concurrency.fn[0].scope', CONCURRENCY],
  ],
  ['no start', { throttle: { limit: 0, period: '1m' } }, ['throttle.limit', 'throttle_limit_invalid']],
  ['half a second', { throttle: { limit: 1, period: '500ms' } }, ['throttle.period', 'throttle_period_invalid']],
  ['no whole seconds', { throttle: { limit: 1, period: '1500ms' } }, ['throttle.period', 'throttle_period_invalid']],
  ['30 days', { throttle: { limit: 1, period: '30d' } }, ['throttle.period', 'throttle_period_invalid']],
  [
    'a negative burst',
    { throttle: { limit: 1, period: '1m', burst: -1 } },
    ['throttle.burst', 'throttle_burst_invalid'],
  ],
  [
    'async in a key',
    { throttle: { limit: 1, period: '1m', key: 'async.data.x' } },
    ['throttle.key', 'throttle_key_invalid'],
  ],
  ['no event', { rateLimit: { limit: 0, period: '1m' } }, ['rateLimit.limit', 'rate_limit_limit_invalid']],
  ['25 hours', { rateLimit: { limit: 1, period: '25h' } }, ['rateLimit.period', 'rate_limit_period_invalid']],
  ['no period', { rateLimit: { limit: 1 } }, ['rateLimit.period', 'rate_limit_period_invalid']],
  [
    'an unknown function in a key',
    { rateLimit: { limit: 1, period: '1m', key: 'nope(event.data.x)' } },
    ['rateLimit.key', 'rate_limit_key_invalid'],
  ],
  ['a period below a second', { debounce: { period: '100ms' } }, ['debounce.period', 'debounce_period_invalid']],
  ['a period above a week', { debounce: { period: '8d' } }, ['debounce.period', 'debounce_period_invalid']],
  [
    'a timeout below the period',
    { debounce: { period: '10s', timeout: '5s' } },
    ['debounce.timeout', 'debounce_timeout_invalid'],
  ],
  [
    'a timeout that is no duration',
    { debounce: { period: '10s', timeout: 'soon' } },
    ['debounce.timeout', 'debounce_timeout_invalid'],
  ],
  ['batches of one', { batchEvents: { ...BATCH, maxSize: 1 } }, ['batchEvents.maxSize', 'batch_size_invalid']],
  [
    'batches of 100,000',
    { batchEvents: { ...BATCH, maxSize: 100_000 } },
    ['batchEvents.maxSize', 'batch_size_invalid'],
  ],
  [
    'batches of two hours',
    { batchEvents: { ...BATCH, timeout: '2h' } },
    ['batchEvents.timeout', 'batch_timeout_invalid'],
  ],
  ['batches without a timeout', { batchEvents: { maxSize: 2 } }, ['batchEvents.timeout', 'batch_timeout_invalid']],
  [
    'a condition of batches',
    { batchEvents: { ...BATCH, if: 'event.data ==' } },
    ['batchEvents.if', 'batch_if_expression_invalid'],
  ],
  ['a key of batches', { batchEvents: { ...BATCH, key: '' } }, ['batchEvents.key', 'batch_key_expression_invalid']],
  ['a priority that is a text', { priority: { run: '"high"' } }, ['priority.run', 'priority_run_invalid']],
  ['a priority that does not parse', { priority: { run: '1 +' } }, ['priority.run', 'priority_run_invalid']],
  ['no mode', { singleton: {} }, ['singleton.mode', 'singleton_mode_invalid']],
  ['an unknown mode', { singleton: { mode: 'queue' } }, ['singleton.mode', 'singleton_mode_invalid']],
  [
    'a key of a singleton',
    { singleton: { mode: 'skip', key: 'event.data.(' } },
    ['singleton.key', 'singleton_key_invalid'],
  ],
  ['an idempotency key', { idempotency: 'event.data.' }, ['idempotency', 'idempotency_invalid']],
  [
    'several options, each with its own error',
    { concurrency: 0, throttle: { limit: 0, period: '1ms' }, singleton: { mode: 'no' } },
    ['concurrency', CONCURRENCY],
    ['throttle.limit', 'throttle_limit_invalid'],
    ['throttle.period', 'throttle_period_invalid'],
    ['singleton.mode', 'singleton_mode_invalid'],
  ],
];

describe('options that registration refuses', () => {
  const system = useServer();

  const register = (options: JsonObject) => {
    const body = registration({
      name: 'refused',
      url: NOWHERE,
      functions: [{ id: 'f', script: completes(), options }],
    });
    return system.api.request('POST', '/fn/register', { body, headers: { authorization: 'Bearer undefined' } });
  };

  /** The answer: one error a field, each with the function, the path and a code. */
  const refusal = (errors: [path: string, code: string][]) => ({
    status: 400,
    body: {
      error: expect.stringContaining('At least one function is invalid'),
      code: 'config_invalid',
      data: {
        errors: errors.map(([path, code]) => ({
          function_id: 'refused-f',
          path,
          code,
          message: expect.stringMatching(/./),
        })),
      },
    },
  });

  test.concurrent.each(COMBINATIONS)('[E110] batchEvents with %s', async (_what, options, ...errors) => {
    expect(await register({ batchEvents: BATCH, ...options })).toMatchObject(refusal(errors));
  });

  test.concurrent.each(OPTIONS)('%s', async (_what, options, ...errors) => {
    expect(await register(options)).toMatchObject(refusal(errors));
  });

  test.concurrent('everything at its bounds, and every combination that is allowed, is taken', async (ctx) => {
    const app = await startScriptedApp({ name: 'taken', functions: [] });
    ctx.onTestFinished(() => app.stop());
    const options: JsonObject[] = [
      {
        concurrency: [
          { limit: 1, key: 'event.data.k' },
          { limit: 100, scope: 'Account', key: '"openai"' },
        ],
      },
      { concurrency: { step: [{ limit: 5 }], fn: [{ limit: 1, key: 'event.data.u' }] } },
      { throttle: { limit: 1, period: '7d', burst: 0 }, rateLimit: { limit: 1, period: '24h' } },
      { debounce: { period: '168h', timeout: '8d' }, priority: { run: '0' }, singleton: { mode: 'cancel' } },
      { batchEvents: { maxSize: 1_000, timeout: '10m' }, concurrency: 1, throttle: { limit: 1, period: '1s' } },
      { batchEvents: BATCH, idempotency: 'event.data.k', timeouts: { start: '1m', finish: '1d' } },
      { rateLimit: { limit: 1, period: '1s' }, debounce: { period: '1s' }, cancel: [{ event: 'a/b' }] },
    ];
    app.setFunctions(options.map((each, i) => ({ id: `f${i}`, script: completes(), options: each })));

    const answer: JsonValue = await app.register(system.server.url);

    expect(answer).toMatchObject({ ok: true });
  });
});
