import { Inngest } from 'inngest';
import { serve } from 'inngest/edge';
import { describe, expect, test } from 'vitest';
import type { ConcurrencyLimit, FlowControl, JsonObject } from '@perdure/domain';
import { appIdOf, functionIdOf } from '../ids/name-uuid.ts';
import { signBody } from '../signature/sign-body.ts';
import { parseRegisterRequest, type RegisterOptions, type RegisterResult } from './parse-register-request.ts';
import { buildSyncCall, parseSyncAnswer } from './sync-call.ts';
import { registerErrorReply } from './register-reply.ts';

/** Stand-ins with visible rules: an expression may name only the variables of its context, a cron has five fields. */
const OPTIONS: RegisterOptions = {
  accountId: 'account',
  envId: 'env',
  checkExpression(text, variables) {
    const known = new Set<string>(variables);
    const unknown = (text.match(/\b(event|async|nope)\b/g) ?? []).find((name) => !known.has(name));
    return unknown === undefined ? undefined : `unknown variable ${unknown}`;
  },
  checkCron(text) {
    return text.replace(/^TZ=\S+ /, '').split(' ').length === 5 ? undefined : 'expected five fields';
  },
};

const URL_OF_FN = 'http://127.0.0.1:3000/api/inngest?fnId=app-fn&stepId=step';

function fn(more: JsonObject = {}): JsonObject {
  return {
    id: 'app-fn',
    name: 'My function',
    triggers: [{ event: 'a/b' }],
    steps: { step: { id: 'step', name: 'step', runtime: { type: 'http', url: URL_OF_FN } } },
    ...more,
  };
}

function requestOf(functions: JsonObject[], more: JsonObject = {}): JsonObject {
  return {
    url: 'http://127.0.0.1:3000/api/inngest',
    deployType: 'ping',
    framework: 'express',
    appName: 'app',
    functions,
    sdk: 'js:v4.24.0',
    v: '0.1',
    ...more,
  };
}

function accepted(request: unknown): Extract<RegisterResult, { ok: true }> {
  const result = parseRegisterRequest(request, OPTIONS);
  if (!result.ok) throw new Error(result.message);
  return result;
}

function flowOf(more: JsonObject): FlowControl {
  const [first] = accepted(requestOf([fn(more)])).functions;
  if (!first) throw new Error('no function');
  return first.flow;
}

/** `path code` of each problem. */
function problemsOf(more: JsonObject): string[] {
  const result = parseRegisterRequest(requestOf([fn(more)]), OPTIONS);
  if (result.ok) return [];
  return result.errors.map((error) => `${error.path} ${error.code}`);
}

function statusOf(more: JsonObject): number {
  const result = parseRegisterRequest(requestOf([fn(more)]), OPTIONS);
  return result.ok ? 200 : registerErrorReply(result).status;
}

describe('the app', () => {
  test('an app and its functions are read', () => {
    const { app, functions } = accepted(requestOf([fn()], { appVersion: 'v-abc' }));

    const appId = appIdOf('app');
    expect(app).toEqual({
      id: appId,
      envId: 'env',
      name: 'app',
      url: 'http://127.0.0.1:3000/api/inngest',
      sdk: 'js:v4.24.0',
      framework: 'express',
      appVersion: 'v-abc',
    });
    expect(functions).toEqual([
      {
        id: functionIdOf(appId, 'app-fn'),
        slug: 'app-fn',
        name: 'My function',
        accountId: 'account',
        envId: 'env',
        appId,
        appName: 'app',
        triggers: [{ kind: 'event', event: 'a/b' }],
        url: 'http://127.0.0.1:3000/api/inngest?fnId=app-fn',
        retries: 4,
        flow: { concurrency: [], timeouts: {}, cancelOn: [] },
      },
    ]);
  });

  test('[P12] Python sends appname, nulls and fields that nobody knows', () => {
    const { appName, ...rest } = requestOf([
      fn({ concurrency: null, throttle: null, batchEvents: null, cancel: null, priority: null, unknown: { x: 1 } }),
    ]);

    const { app, functions } = accepted({ ...rest, appname: appName as string, deploy_type: 'ping', deployId: null });

    expect(app.name).toBe('app');
    expect(functions).toHaveLength(1);
  });

  test('[P13] functions without triggers, companions of failures and an empty list are accepted', () => {
    const failure = fn({
      id: 'app-fn-failure',
      triggers: [{ event: 'inngest/function.failed', expression: "event.data.function_id == 'app-fn'" }],
    });

    const { functions } = accepted(requestOf([fn({ triggers: [] }), failure]));

    expect(functions.map((each) => each.triggers.length)).toEqual([0, 1]);
    expect(accepted(requestOf([])).functions).toEqual([]);
  });

  test('the checksum is the same for the same configuration, without what SDKs observe or pass through', () => {
    const checksum = accepted(requestOf([fn()])).checksum;
    const observed = requestOf([fn()], { featureObservations: { a: 1 }, deployId: 'x', capabilities: { b: 'v1' } });

    expect(accepted(observed).checksum).toBe(checksum);
    expect(accepted(requestOf([fn({ name: 'Other' })])).checksum).not.toBe(checksum);
    expect(accepted(requestOf([fn()], { url: 'http://other/' })).checksum).not.toBe(checksum);
  });

  test('[P25] deployId and probe leave the URLs, other parameters stay', () => {
    const url = 'https://host:443/api/inngest?deployId=d1&x=a%20b&probe=trust&fnId=app-fn&stepId=step#top';
    const steps = { step: { runtime: { url } } };

    const { app, functions } = accepted(requestOf([fn({ steps })], { url: 'http://host:80/api?deployId=d1' }));

    expect(app.url).toBe('http://host/api');
    expect(functions[0]?.url).toBe('https://host/api/inngest?x=a%20b&fnId=app-fn');
  });

  test('the scheme of the URL is kept, whatever the runtime calls itself', () => {
    const steps = { step: { runtime: { type: 'http', url: 'wss://connect/?fnId=app-fn&stepId=step' } } };

    expect(accepted(requestOf([fn({ steps })])).functions[0]?.url).toBe('wss://connect/?fnId=app-fn');
  });

  test.each<[unknown, string, RegExp]>([
    [null, '', /^Invalid request/],
    [[], '', /^Invalid request/],
    ['x', '', /^Invalid request/],
    [{}, 'appName', /^App ID required$/],
    [requestOf([], { appName: '' }), 'appName', /^App ID required$/],
    [requestOf([], { url: 'ftp://x' }), 'url', /^Invalid request: url: expected the URL of the app, found "ftp:\/\/x"/],
    [{ ...requestOf([]), functions: {} }, 'functions', /found an object/],
    [{ ...requestOf([]), functions: null }, 'functions', /found nothing/],
  ])('%j is refused', (request, path, message) => {
    const result = parseRegisterRequest(request, OPTIONS);

    expect(result).toMatchObject({ ok: false, errors: [{ path }], message: expect.stringMatching(message) });
  });

  test('[P18] all problems of all functions are told at once, each with function and field', () => {
    const result = parseRegisterRequest(
      requestOf([
        fn({ throttle: { limit: 0, period: 'soon' }, debounce: { period: '8d' } }),
        fn({ id: 'app-two', steps: {}, triggers: [{ event: 'us*' }] }),
        fn({ id: 'app-three' }),
      ]),
      OPTIONS,
    );

    expect(result.ok ? [] : result.errors.map((error) => [error.functionId, error.path])).toEqual([
      ['app-fn', 'throttle.limit'],
      ['app-fn', 'throttle.period'],
      ['app-fn', 'debounce.period'],
      ['app-two', 'steps'],
      ['app-two', 'triggers[0].event'],
    ]);
    expect(result).toMatchObject({
      message: expect.stringMatching(
        /^At least one function is invalid: function "app-fn": throttle\.limit: .*"app-two"/,
      ),
    });
  });

  test('a function without ID is named by its place, two with one ID are refused', () => {
    const result = parseRegisterRequest(requestOf([fn({ id: '' }), fn(), fn()]), OPTIONS);

    expect(result).toMatchObject({
      ok: false,
      errors: [
        { path: 'functions[0].id', code: 'config_invalid' },
        { functionId: 'app-fn', path: 'id' },
      ],
    });
    expect(parseRegisterRequest({ ...requestOf([]), functions: [7] }, OPTIONS)).toMatchObject({
      errors: [{ path: 'functions[0]' }],
    });
  });
});

describe('options that are accepted', () => {
  test('every option in one function', () => {
    const flow = flowOf({
      idempotency: 'event.data.id',
      throttle: { limit: 5, period: '10s', burst: 2, key: 'event.data.t' },
      rateLimit: { limit: 10, period: '24h', key: 'event.data.r' },
      debounce: { period: '1s', key: 'event.data.d', timeout: '5s' },
      priority: { run: 'event.data.p' },
      singleton: { mode: 'skip', key: 'event.data.s' },
      timeouts: { start: '10s', finish: '1h' },
      cancel: [
        { event: 'a/c', if: 'event.data.x == async.data.x', timeout: '1h' },
        { event: 'a/d', timeout: '2030-01-01T00:00:00Z' },
      ],
    });

    expect(flow).toEqual({
      concurrency: [],
      idempotency: 'event.data.id',
      throttle: { limit: 5, periodMs: 10_000, burst: 2, key: 'event.data.t' },
      rateLimit: { limit: 10, periodMs: 86_400_000, key: 'event.data.r' },
      debounce: { periodMs: 1000, timeoutMs: 5000, key: 'event.data.d' },
      priority: 'event.data.p',
      singleton: { mode: 'skip', key: 'event.data.s' },
      timeouts: { startMs: 10_000, finishMs: 3_600_000 },
      cancelOn: [
        { event: 'a/c', if: 'event.data.x == async.data.x', timeout: '1h' },
        { event: 'a/d', timeout: '2030-01-01T00:00:00Z' },
      ],
    });
  });

  test('a batch', () => {
    const batch = { maxSize: 1000, timeout: '10m', key: 'event.data.t', if: 'event.data.bulk' };

    expect(flowOf({ batchEvents: batch, cancel: [], priority: {} }).batch).toEqual({
      sizeMax: 1000,
      timeoutMs: 600_000,
      key: 'event.data.t',
      if: 'event.data.bulk',
    });
  });

  test('a throttle has no burst unless it says so', () => {
    expect(flowOf({ throttle: { limit: 1, period: '7d' } }).throttle).toEqual({
      limit: 1,
      periodMs: 604_800_000,
      burst: 0,
    });
  });

  test('the match of a cancellation compares that path of both events', () => {
    expect(flowOf({ cancel: [{ event: 'x', match: 'data.id' }] }).cancelOn).toEqual([
      { event: 'x', if: 'event.data.id == async.data.id' },
    ]);
  });

  const whole: ConcurrencyLimit = { limit: 3, scope: 'fn' };
  test.each<[unknown, FlowControl['concurrency'], FlowControl['runConcurrency']?]>([
    [3, [whole]],
    [{ limit: 3 }, [whole]],
    [[], []],
    [
      [
        { limit: 9, key: 'event.data.u', scope: 'ENV' },
        { limit: 3, key: 'event.data.v' },
      ],
      [
        { limit: 3, scope: 'fn', key: 'event.data.v' },
        { limit: 9, scope: 'env', key: 'event.data.u' },
      ],
    ],
    [[{ key: 'event.data.u' }], []],
    [{ step: [{ limit: 3 }], fn: [{ limit: 1, key: 'event.data.u' }] }, [whole], { limit: 1, key: 'event.data.u' }],
    [{ step: { limit: 3 }, fn: { limit: 1, scope: 'fn' } }, [whole], { limit: 1 }],
    [{ fn: [{ limit: 2 }] }, [], { limit: 2 }],
    [{ step: [] }, []],
  ])('[P15] concurrency %j', (concurrency, step, run) => {
    const flow = flowOf({ concurrency: concurrency as JsonObject });

    expect(flow.concurrency).toEqual(step);
    expect(flow.runConcurrency).toEqual(run);
  });

  test('retries are those of the step, else those beside it, else four', () => {
    const step = (attempts: number): JsonObject => ({ step: { runtime: { url: URL_OF_FN }, retries: { attempts } } });
    const retriesOf = (more: JsonObject): number | undefined => accepted(requestOf([fn(more)])).functions[0]?.retries;

    expect(retriesOf({})).toBe(4);
    expect(retriesOf({ steps: step(0), retries: 7 })).toBe(0);
    expect(retriesOf({ steps: step(20) })).toBe(20);
    expect(retriesOf({ retries: 7 })).toBe(7);
  });

  test('triggers by event, pattern, condition and schedule', () => {
    const triggers = [
      { event: 'a/b', expression: 'event.data.x == 1' },
      { event: 'a/b', expression: 'event.data.x == 2' },
      { event: 'a/*' },
      { event: 'a.*' },
      { cron: 'TZ=Europe/Paris 0 12 * * *', jitter: '30s' },
    ];

    expect(accepted(requestOf([fn({ triggers })])).functions[0]?.triggers).toEqual([
      { kind: 'event', event: 'a/b', expression: 'event.data.x == 1' },
      { kind: 'event', event: 'a/b', expression: 'event.data.x == 2' },
      { kind: 'event', event: 'a/*' },
      { kind: 'event', event: 'a.*' },
      { kind: 'cron', cron: 'TZ=Europe/Paris 0 12 * * *', jitterMs: 30_000 },
    ]);
  });
});

const many = (count: number): JsonObject[] => Array.from({ length: count }, (_, i) => ({ event: `e${i}` }));
const throttle = (more: JsonObject): JsonObject => ({ throttle: { limit: 1, period: '1m', ...more } });
const rateLimit = (more: JsonObject): JsonObject => ({ rateLimit: { limit: 1, period: '1m', ...more } });
const debounce = (more: JsonObject): JsonObject => ({ debounce: { period: '10s', ...more } });
const batch = (more: JsonObject): JsonObject => ({ batchEvents: { maxSize: 10, timeout: '5s', ...more } });
const retries = (attempts: unknown): JsonObject => ({
  steps: { step: { runtime: { url: URL_OF_FN }, retries: { attempts: attempts as number } } },
});

describe('[P18] options that are refused', () => {
  test.each<[string, JsonObject, string]>([
    ['no name', { name: '' }, 'name config_invalid'],
    ['eleven triggers', { triggers: many(11) }, 'triggers config_invalid'],
    ['a trigger twice', { triggers: [{ event: 'a' }, { event: 'a' }] }, 'triggers[1] config_invalid'],
    ['a schedule twice', { triggers: [{ cron: '* * * * *' }, { cron: '* * * * *' }] }, 'triggers[1] config_invalid'],
    ['event and schedule in one', { triggers: [{ event: 'a', cron: '* * * * *' }] }, 'triggers[0] config_invalid'],
    ['neither event nor schedule', { triggers: [{}] }, 'triggers[0] config_invalid'],
    [
      'a condition that does not compile',
      { triggers: [{ event: 'a', expression: 'nope' }] },
      'triggers[0].expression trigger_expression_invalid',
    ],
    [
      'async in the condition of a trigger',
      { triggers: [{ event: 'a', expression: 'async.data.x' }] },
      'triggers[0].expression trigger_expression_invalid',
    ],
    [
      'an empty condition',
      { triggers: [{ event: 'a', expression: ' ' }] },
      'triggers[0].expression trigger_expression_invalid',
    ],
    [
      'a condition of a schedule',
      { triggers: [{ cron: '* * * * *', expression: 'event.x' }] },
      'triggers[0].expression trigger_expression_invalid',
    ],
    ['an empty event name', { triggers: [{ event: '' }] }, 'triggers[0].event event_name_invalid'],
    ['an event name of 256', { triggers: [{ event: 'x'.repeat(256) }] }, 'triggers[0].event event_name_invalid'],
    ['[E12] a bare star', { triggers: [{ event: '*' }] }, 'triggers[0].event event_name_invalid'],
    ['[E12] a star after a letter', { triggers: [{ event: 'us*' }] }, 'triggers[0].event event_name_invalid'],
    ['a star in the middle', { triggers: [{ event: 'a/*/c' }] }, 'triggers[0].event event_name_invalid'],
    ['six fields of cron', { triggers: [{ cron: '* * * * * *' }] }, 'triggers[0].cron schedule_invalid'],
    ['a long cron', { triggers: [{ cron: `* * * * ${'1,'.repeat(130)}1` }] }, 'triggers[0].cron schedule_invalid'],
    ['a short jitter', { triggers: [{ cron: '* * * * *', jitter: '0.5s' }] }, 'triggers[0].jitter schedule_invalid'],
    ['a long jitter', { triggers: [{ cron: '* * * * *', jitter: '301s' }] }, 'triggers[0].jitter schedule_invalid'],
    ['jitter of an event', { triggers: [{ event: 'a', jitter: '5s' }] }, 'triggers[0].jitter schedule_invalid'],
    ['no steps', { steps: {} }, 'steps config_invalid'],
    [
      'two steps',
      { steps: { a: { runtime: { url: URL_OF_FN } }, b: { runtime: { url: URL_OF_FN } } } },
      'steps config_invalid',
    ],
    [
      'a URL of another scheme',
      { steps: { step: { runtime: { url: 'ftp://x/' } } } },
      'steps.step.runtime.url url_invalid',
    ],
    ['no URL', { steps: { step: { runtime: {} } } }, 'steps.step.runtime.url url_invalid'],
    ['[E54] 21 retries', retries(21), 'steps.step.retries.attempts retries_invalid'],
    ['negative retries', retries(-1), 'steps.step.retries.attempts retries_invalid'],
    ['half a retry', retries(1.5), 'steps.step.retries.attempts retries_invalid'],
    ['retries beside the step', { retries: 25 }, 'retries retries_invalid'],
    ['an idempotency that does not compile', { idempotency: 'nope' }, 'idempotency idempotency_invalid'],
    ['a concurrency of 0', { concurrency: 0 }, 'concurrency concurrency_limit_invalid'],
    ['a concurrency of -1', { concurrency: [{ limit: -1 }] }, 'concurrency[0].limit concurrency_limit_invalid'],
    ['a concurrency that is a text', { concurrency: 'many' }, 'concurrency concurrency_limit_invalid'],
    [
      'three concurrency limits',
      { concurrency: [{ limit: 1 }, { limit: 2 }, { limit: 3 }] },
      'concurrency concurrency_limit_invalid',
    ],
    ['an unknown scope', { concurrency: { limit: 1, scope: 'world' } }, 'concurrency.scope concurrency_limit_invalid'],
    [
      'a wide scope without key',
      { concurrency: { limit: 1, scope: 'account' } },
      'concurrency.scope concurrency_limit_invalid',
    ],
    ['a bad concurrency key', { concurrency: { limit: 1, key: 'nope' } }, 'concurrency.key concurrency_limit_invalid'],
    [
      'two limits of runs',
      { concurrency: { fn: [{ limit: 1 }, { limit: 2 }] } },
      'concurrency.fn concurrency_limit_invalid',
    ],
    [
      'a limit of runs of 0',
      { concurrency: { fn: [{ limit: 0 }] } },
      'concurrency.fn[0].limit concurrency_limit_invalid',
    ],
    [
      'a limit of runs without number',
      { concurrency: { fn: [{}] } },
      'concurrency.fn[0].limit concurrency_limit_invalid',
    ],
    [
      'runs limited in a wide scope',
      { concurrency: { fn: [{ limit: 1, scope: 'env', key: 'event.x' }] } },
      'concurrency.fn[0].scope concurrency_limit_invalid',
    ],
    [
      'a limit beside limits of runs',
      { concurrency: { limit: 5, fn: [{ limit: 1 }] } },
      'concurrency.limit concurrency_limit_invalid',
    ],
    ['a throttle limit of 0', throttle({ limit: 0 }), 'throttle.limit throttle_limit_invalid'],
    ['a throttle period below a second', throttle({ period: '500ms' }), 'throttle.period throttle_period_invalid'],
    [
      'a throttle period of parts of seconds',
      throttle({ period: '1500ms' }),
      'throttle.period throttle_period_invalid',
    ],
    ['a throttle period above a week', throttle({ period: '8d' }), 'throttle.period throttle_period_invalid'],
    ['a negative throttle period', throttle({ period: '-5s' }), 'throttle.period throttle_period_invalid'],
    ['a throttle period that is a number', throttle({ period: 5 }), 'throttle.period throttle_period_invalid'],
    ['a negative burst', throttle({ burst: -1 }), 'throttle.burst throttle_burst_invalid'],
    ['a bad throttle key', throttle({ key: 'nope' }), 'throttle.key throttle_key_invalid'],
    ['a rate limit of 0', rateLimit({ limit: 0 }), 'rateLimit.limit rate_limit_limit_invalid'],
    ['a rate limit over 25 hours', rateLimit({ period: '25h' }), 'rateLimit.period rate_limit_period_invalid'],
    ['a rate limit without period', { rateLimit: { limit: 1 } }, 'rateLimit.period rate_limit_period_invalid'],
    ['a bad rate limit key', rateLimit({ key: 'nope' }), 'rateLimit.key rate_limit_key_invalid'],
    ['a short debounce', debounce({ period: '0.9s' }), 'debounce.period debounce_period_invalid'],
    ['a long debounce', debounce({ period: '169h' }), 'debounce.period debounce_period_invalid'],
    ['a debounce timeout below the period', debounce({ timeout: '9s' }), 'debounce.timeout debounce_timeout_invalid'],
    ['a debounce timeout that is none', debounce({ timeout: 'later' }), 'debounce.timeout debounce_timeout_invalid'],
    ['a bad debounce key', debounce({ key: 'nope' }), 'debounce.key debounce_key_invalid'],
    ['a batch of 1', batch({ maxSize: 1 }), 'batchEvents.maxSize batch_size_invalid'],
    ['a batch of 1001', batch({ maxSize: 1001 }), 'batchEvents.maxSize batch_size_invalid'],
    ['a batch without timeout', { batchEvents: { maxSize: 2 } }, 'batchEvents.timeout batch_timeout_invalid'],
    ['a short batch', batch({ timeout: '100ms' }), 'batchEvents.timeout batch_timeout_invalid'],
    ['a long batch', batch({ timeout: '1d' }), 'batchEvents.timeout batch_timeout_invalid'],
    ['a bad batch key', batch({ key: 'nope' }), 'batchEvents.key batch_key_expression_invalid'],
    ['a bad batch condition', batch({ if: 'nope' }), 'batchEvents.if batch_if_expression_invalid'],
    ['[E110] a batch with cancellation', { ...batch({}), cancel: [{ event: 'a' }] }, 'batchEvents combo_unsupported'],
    ['[E110] a batch with debounce', { ...batch({}), ...debounce({}) }, 'batchEvents combo_unsupported'],
    ['[E110] a batch with singleton', { ...batch({}), singleton: { mode: 'skip' } }, 'batchEvents combo_unsupported'],
    ['[E110] a batch with priority', { ...batch({}), priority: { run: '1' } }, 'batchEvents combo_unsupported'],
    ['[E110] a batch with rate limit', { ...batch({}), ...rateLimit({}) }, 'batchEvents combo_unsupported'],
    ['a bad priority', { priority: { run: 'nope' } }, 'priority.run priority_run_invalid'],
    ['a priority that is a text', { priority: { run: '"high"' } }, 'priority.run priority_run_invalid'],
    ['a singleton without mode', { singleton: { key: 'event.x' } }, 'singleton.mode singleton_mode_invalid'],
    ['an unknown singleton mode', { singleton: { mode: 'wait' } }, 'singleton.mode singleton_mode_invalid'],
    ['a bad singleton key', { singleton: { mode: 'skip', key: 'nope' } }, 'singleton.key singleton_key_invalid'],
    ['six cancellations', { cancel: many(6) }, 'cancel cancel_invalid'],
    ['a cancellation without event', { cancel: [{ if: 'async.x' }] }, 'cancel[0].event cancel_event_invalid'],
    ['a cancellation by pattern', { cancel: [{ event: 'a/*' }] }, 'cancel[0].event cancel_event_invalid'],
    ['a bad cancellation condition', { cancel: [{ event: 'a', if: 'nope' }] }, 'cancel[0].if cancel_if_invalid'],
    [
      'a match that is no path',
      { cancel: [{ event: 'a', match: 'data.id || true' }] },
      'cancel[0].match cancel_match_invalid',
    ],
    [
      'a bad cancellation timeout',
      { cancel: [{ event: 'a', timeout: 'someday' }] },
      'cancel[0].timeout cancel_timeout_invalid',
    ],
    ['a start timeout that is none', { timeouts: { start: 'soon' } }, 'timeouts.start timeouts_start_invalid'],
    ['a finish timeout of 800 days', { timeouts: { finish: '800d' } }, 'timeouts.finish timeouts_finish_invalid'],
    ['a finish timeout below a second', { timeouts: { finish: '10ms' } }, 'timeouts.finish timeouts_finish_invalid'],
    ['an option of the wrong type', { throttle: 5 }, 'throttle throttle_invalid'],
  ])('%s', (_title, more, problem) => {
    expect(problemsOf(more)).toEqual([problem]);
    expect(statusOf(more)).toBe(400);
  });
});

/** Each option by itself, and those that cannot be used beside a batch (execution.md 4.13). */
const OPTIONS_OF_A_PAIR: Record<string, JsonObject> = {
  concurrency: { concurrency: [{ limit: 1, key: 'event.data.k' }] },
  runConcurrency: { concurrency: { fn: [{ limit: 1 }] } },
  throttle: throttle({}),
  rateLimit: rateLimit({}),
  debounce: debounce({}),
  batch: batch({}),
  priority: { priority: { run: 'event.data.p' } },
  singleton: { singleton: { mode: 'cancel' } },
  cancelOn: { cancel: [{ event: 'a/stop' }] },
  idempotency: { idempotency: 'event.data.k' },
  timeouts: { timeouts: { start: '1m', finish: '1h' } },
};
const NOT_WITH_BATCH = ['rateLimit', 'debounce', 'priority', 'singleton', 'cancelOn'];
const PAIRS = Object.keys(OPTIONS_OF_A_PAIR).flatMap((one, i, names) =>
  names.slice(i + 1).map((other): [string, string] => [one, other]),
);

describe('[E110] two options in one function', () => {
  test.each(PAIRS)('%s and %s', (one, other) => {
    const isForbidden = [one, other].includes('batch') && NOT_WITH_BATCH.some((name) => [one, other].includes(name));

    expect(problemsOf({ ...OPTIONS_OF_A_PAIR[one], ...OPTIONS_OF_A_PAIR[other] })).toEqual(
      isForbidden ? ['batchEvents combo_unsupported'] : [],
    );
  });

  test('all that can be combined, at once', () => {
    const { batch: _batch, ...others } = OPTIONS_OF_A_PAIR;
    const { concurrency, runConcurrency, throttle: throttled, idempotency, timeouts } = OPTIONS_OF_A_PAIR;

    expect(problemsOf(Object.assign({}, ...Object.values(others)) as JsonObject)).toEqual([]);
    expect(problemsOf({ ...batch({}), ...concurrency, ...throttled, ...idempotency, ...timeouts })).toEqual([]);
    expect(problemsOf({ ...batch({}), ...runConcurrency })).toEqual([]);
  });

  test('a batch with all that it cannot be combined with: one problem each', () => {
    const everything = Object.assign({}, ...NOT_WITH_BATCH.map((name) => OPTIONS_OF_A_PAIR[name])) as JsonObject;

    expect(problemsOf({ ...batch({}), ...everything })).toEqual(
      NOT_WITH_BATCH.map(() => 'batchEvents combo_unsupported'),
    );
  });
});

/** The SDK reports each refused signature. */
const SILENT = { info: noop, warn: noop, error: noop, debug: noop };

function noop(): void {}

describe('the real SDK (npm 4)', () => {
  const KEY = `signkey-prod-${'ab'.repeat(32)}`;

  function appOf(options: { isDev: boolean }) {
    const sent: { url: string; body: unknown }[] = [];
    const client = new Inngest({
      id: 'probe',
      isDev: options.isDev,
      logger: SILENT,
      baseUrl: 'http://server.test',
      ...(!options.isDev && { signingKey: KEY }),
      fetch: async (url: string | URL | Request, init?: RequestInit) => {
        const request = new Request(url, init);
        sent.push({ url: request.url, body: await request.json() });
        return Response.json({ ok: true, modified: true, status: 200 });
      },
    });
    const everything = client.createFunction(
      {
        id: 'everything',
        name: 'Every Thing',
        retries: 0,
        triggers: [{ event: 't/every', if: 'event.data.x == 1' }, { cron: 'TZ=Europe/Paris 0 12 * * *' }],
        idempotency: 'event.data.id',
        throttle: { limit: 5, period: '10s', burst: 2, key: 'event.data.t' },
        concurrency: [{ limit: 3, key: 'event.data.u', scope: 'env' }, { limit: 2 }],
        debounce: { period: '1s', key: 'event.data.d', timeout: '5s' },
        priority: { run: 'event.data.p' },
        timeouts: { start: '10s', finish: '1h' },
        cancelOn: [{ event: 't/stop', match: 'data.id' }],
        onFailure: () => undefined,
      },
      () => 1,
    );
    const batched = client.createFunction(
      { id: 'batched', triggers: [{ event: 't/batch' }], batchEvents: { maxSize: 5, timeout: '5s' } },
      () => 1,
    );
    const handler = serve({ client, functions: [everything, batched] });
    const put = (headers: Record<string, string>, body = '{}'): Promise<Response> =>
      handler(
        new Request('http://localhost:3000/api/inngest?deployId=d1', {
          method: 'PUT',
          headers: { host: 'localhost:3000', 'content-type': 'application/json', ...headers },
          body,
        }),
      );
    return { sent, put };
  }

  function expectEverything(result: RegisterResult): void {
    if (!result.ok) throw new Error(result.message);
    expect(result.app).toMatchObject({ name: 'probe', url: 'http://localhost:3000/api/inngest' });
    expect(result.functions.map((each) => each.slug)).toEqual([
      'probe-everything',
      'probe-everything-failure',
      'probe-batched',
    ]);
    expect(result.functions[0]).toMatchObject({
      name: 'Every Thing',
      url: 'http://localhost:3000/api/inngest?fnId=probe-everything',
      retries: 0,
      triggers: [
        { kind: 'event', event: 't/every', expression: 'event.data.x == 1' },
        { kind: 'cron', cron: 'TZ=Europe/Paris 0 12 * * *' },
      ],
      flow: {
        concurrency: [
          { limit: 2, scope: 'fn' },
          { limit: 3, scope: 'env', key: 'event.data.u' },
        ],
        idempotency: 'event.data.id',
        throttle: { limit: 5, burst: 2, periodMs: 10_000, key: 'event.data.t' },
        debounce: { periodMs: 1000, timeoutMs: 5000, key: 'event.data.d' },
        priority: 'event.data.p',
        timeouts: { startMs: 10_000, finishMs: 3_600_000 },
        cancelOn: [{ event: 't/stop', if: 'event.data.id == async.data.id' }],
      },
    });
    expect(result.functions[2]?.flow.batch).toEqual({ sizeMax: 5, timeoutMs: 5000 });
  }

  test('what it registers is read', async () => {
    const { sent, put } = appOf({ isDev: true });

    const response = await put({});

    const headers = Object.fromEntries(response.headers.entries());
    const answer = parseSyncAnswer({ status: response.status, headers, body: await response.text() });
    expect(answer).toEqual({ kind: 'out-of-band', isModified: true });
    const register = sent.find(({ url }) => url.includes('/fn/register'));
    expectEverything(parseRegisterRequest(register?.body, OPTIONS));
  });

  test('[P24] what it answers in band is read the same', async () => {
    const { sent, put } = appOf({ isDev: false });
    const call = buildSyncCall({
      url: 'http://localhost:3000/api/inngest',
      serverKind: 'cloud',
      syncKind: 'in_band',
      signing: { key: KEY, unixSeconds: Math.floor(Date.now() / 1000) },
    });

    const response = await put(call.headers, call.body);

    const headers = Object.fromEntries(response.headers.entries());
    const answer = parseSyncAnswer({ status: response.status, headers, body: await response.text() });
    if (answer.kind !== 'in-band') throw new Error(JSON.stringify(answer));
    expectEverything(parseRegisterRequest(answer.register, OPTIONS));
    expect(sent).toEqual([]);
  });

  test('a signature of another key is an unauthorized sync', async () => {
    const { put } = appOf({ isDev: false });
    const signature = signBody('00'.repeat(32), '{}', Math.floor(Date.now() / 1000));

    const response = await put({ 'x-inngest-sync-kind': 'in_band', 'x-inngest-signature': signature });

    const headers = Object.fromEntries(response.headers.entries());
    expect(parseSyncAnswer({ status: response.status, headers, body: await response.text() })).toMatchObject({
      kind: 'failed',
      code: 'unauthorized',
    });
  });
});
