import type { FlowControl } from '@perdure/domain';
import { expect, test } from 'vitest';
import { parseLimitOverrides } from './parse-limit-overrides.ts';

function aFunction(flow: Partial<FlowControl> = {}): { slug: string; flow: FlowControl } {
  return { slug: 'app-fn', flow: { concurrency: [], timeouts: {}, cancelOn: [], ...flow } };
}

const LIMITED = aFunction({
  concurrency: [
    { limit: 1, scope: 'fn', key: 'event.data.user' },
    { limit: 5, scope: 'account', key: '"openai"' },
  ],
  runConcurrency: { limit: 2 },
  throttle: { limit: 1, burst: 0, periodMs: 1_000 },
});

test('every number of a function that limits everything', () => {
  const parsed = parseLimitOverrides(
    {
      concurrency: 7,
      keyed: [
        { key: 'event.data.user', limit: 3 },
        { scope: 'ACCOUNT', key: '"openai"', limit: 9 },
      ],
      runConcurrency: 4,
      throttle: { limit: 2, period: '1m', burst: 3 },
      backlog: 1_000,
      weight: 2.5,
    },
    LIMITED,
  );

  expect(parsed).toEqual({
    ok: true,
    overrides: {
      concurrency: 7,
      keyed: [
        { scope: 'fn', key: 'event.data.user', limit: 3 },
        { scope: 'account', key: '"openai"', limit: 9 },
      ],
      run: 4,
      throttle: { limit: 2, periodMs: 60_000, burst: 3 },
      backlogMax: 1_000,
      weight: 2.5,
    },
  });
});

test('what is not named stays as registered', () => {
  expect(parseLimitOverrides({}, LIMITED)).toEqual({ ok: true, overrides: {} });
  expect(parseLimitOverrides({ throttle: { burst: 0 } }, LIMITED)).toEqual({
    ok: true,
    overrides: { throttle: { burst: 0 } },
  });
  expect(parseLimitOverrides({ concurrency: 1, backlog: 1, weight: 1 }, aFunction())).toMatchObject({ ok: true });
});

const KEYED = { key: 'event.data.user', limit: 1 };

test.each<[string, unknown, string[]]>([
  ['no object', [], [' config_invalid']],
  ['nothing', undefined, [' config_invalid']],
  ['a concurrency of 0', { concurrency: 0 }, ['concurrency concurrency_limit_invalid']],
  ['half a request', { concurrency: 1.5 }, ['concurrency concurrency_limit_invalid']],
  ['a text', { concurrency: '5' }, ['concurrency concurrency_limit_invalid']],
  ['a keyed limit of 0', { keyed: [{ ...KEYED, limit: 0 }] }, ['keyed[0].limit concurrency_limit_invalid']],
  ['a keyed limit without key', { keyed: [KEYED, { limit: 1 }] }, ['keyed[1].key concurrency_limit_invalid']],
  ['another key', { keyed: [{ key: 'event.data.x', limit: 1 }] }, ['keyed[0].key concurrency_limit_invalid']],
  ['the key in another scope', { keyed: [{ ...KEYED, scope: 'env' }] }, ['keyed[0].key concurrency_limit_invalid']],
  ['an unknown scope', { keyed: [{ ...KEYED, scope: 'world' }] }, ['keyed[0].scope concurrency_limit_invalid']],
  ['no runs', { runConcurrency: 0 }, ['runConcurrency concurrency_limit_invalid']],
  ['a throttle limit of 0', { throttle: { limit: 0 } }, ['throttle.limit throttle_limit_invalid']],
  ['a period of parts of seconds', { throttle: { period: '1500ms' } }, ['throttle.period throttle_period_invalid']],
  ['a period above a week', { throttle: { period: '8d' } }, ['throttle.period throttle_period_invalid']],
  ['a negative burst', { throttle: { burst: -1 } }, ['throttle.burst throttle_burst_invalid']],
  ['another key of the throttle', { throttle: { key: '"a"' } }, ['throttle.key throttle_key_invalid']],
  ['no backlog', { backlog: 0 }, ['backlog backlog_invalid']],
  ['no weight', { weight: 0 }, ['weight weight_invalid']],
  ['a weight beyond all bounds', { weight: 1e9 }, ['weight weight_invalid']],
  ['limits that nobody knows', { concurrencu: 5, rate: 1 }, ['concurrencu config_invalid', 'rate config_invalid']],
  [
    'several at once',
    { backlog: 0, throttle: { limit: 0, burst: 'x' } },
    ['throttle.limit throttle_limit_invalid', 'throttle.burst throttle_burst_invalid', 'backlog backlog_invalid'],
  ],
])('%s is refused, one problem a field', (_title, body, problems) => {
  const parsed = parseLimitOverrides(body, LIMITED);

  const errors = parsed.ok ? [] : parsed.errors;
  expect(errors.map(({ path, code }) => `${path} ${code}`)).toEqual(problems);
  expect(errors.every(({ functionId, message }) => functionId === LIMITED.slug && message !== '')).toBe(true);
});

test('what the function does not limit by itself cannot be overridden', () => {
  const parsed = parseLimitOverrides({ throttle: { limit: 1 }, runConcurrency: 1, keyed: [KEYED] }, aFunction());

  expect(parsed.ok ? [] : parsed.errors.map(({ path }) => path)).toEqual([
    'keyed[0].key',
    'throttle',
    'runConcurrency',
  ]);
});
