import type { JsonObject } from '@perdure/domain';
import { registration, completes } from '@perdure/testing';
import { describe, expect, test } from 'vitest';
import { openEmbeddedPorts } from '../test/embedded-ports.ts';
import { syncApp } from './sync-app.ts';

/** `path code` of all that is wrong with a function of these options, with the expressions and schedules of the platform. */
async function problemsOf(options: JsonObject): Promise<string[]> {
  const { ports } = await openEmbeddedPorts();
  ports.registry.saveApp = async () => ({ kind: 'unchanged', functions: [] });
  const functions = [{ id: 'fn', options, script: completes() }];
  const result = await syncApp(ports, registration({ name: 'app', url: 'http://127.0.0.1:1/api', functions }));
  return result.kind === 'refused' ? result.errors.map(({ path, code }) => `${path} ${code}`) : [];
}

const cron = (text: string, more: JsonObject = {}): JsonObject => ({ triggers: [{ cron: text, ...more }] });
const condition = (expression: string): JsonObject => ({ triggers: [{ event: 'a/b', expression }] });
const CRON = 'triggers[0].cron schedule_invalid';
const CONDITION = 'triggers[0].expression trigger_expression_invalid';

describe('what only the platform can judge is refused', () => {
  test.each<[string, JsonObject, string]>([
    ['[E20] six fields', cron('0 * * * * *'), CRON],
    ['[E20] a descriptor', cron('@hourly'), CRON],
    ['[E20] an unknown zone', cron('TZ=Nowhere/Land 0 9 * * *'), CRON],
    ['an hour of 25', cron('0 25 * * *'), CRON],
    ['four fields', cron('* * * *'), CRON],
    ['a condition that does not parse', condition('event.data.x =='), CONDITION],
    ['an unknown variable', condition('evnt.data.x == 1'), CONDITION],
    ['an unknown function', condition('nope(event.data.x)'), CONDITION],
    ['async in a trigger', condition('async.data.x == 1'), CONDITION],
    [
      'a key of concurrency',
      { concurrency: { limit: 1, key: 'event.data.' } },
      'concurrency.key concurrency_limit_invalid',
    ],
    [
      'a key of runs',
      { concurrency: { fn: { limit: 1, key: '1 +' } } },
      'concurrency.fn[0].key concurrency_limit_invalid',
    ],
    ['a throttle key', { throttle: { limit: 1, period: '1s', key: 'x' } }, 'throttle.key throttle_key_invalid'],
    ['a rate limit key', { rateLimit: { limit: 1, period: '1s', key: ')' } }, 'rateLimit.key rate_limit_key_invalid'],
    ['a debounce key', { debounce: { period: '1s', key: '"' } }, 'debounce.key debounce_key_invalid'],
    [
      'a batch key',
      { batchEvents: { maxSize: 2, timeout: '1s', key: 'a b' } },
      'batchEvents.key batch_key_expression_invalid',
    ],
    [
      'a batch condition',
      { batchEvents: { maxSize: 2, timeout: '1s', if: 'async.x' } },
      'batchEvents.if batch_if_expression_invalid',
    ],
    ['a priority', { priority: { run: 'event.data.p ?' } }, 'priority.run priority_run_invalid'],
    ['a singleton key', { singleton: { mode: 'skip', key: '..' } }, 'singleton.key singleton_key_invalid'],
    ['an idempotency', { idempotency: 'event.data.[0]' }, 'idempotency idempotency_invalid'],
    ['a cancellation', { cancel: [{ event: 'a', if: 'steps.x' }] }, 'cancel[0].if cancel_if_invalid'],
  ])('%s', async (_title, options, problem) => {
    expect(await problemsOf(options)).toEqual([problem]);
  });
});

test.each<[string, JsonObject]>([
  ['names, lists, ranges and steps of a schedule', cron('*/15,7 9-17 1,15 JAN-MAR MON')],
  [
    'both prefixes of a zone',
    {
      triggers: [cron('TZ=Europe/Paris 0 9 * * 1'), cron('CRON_TZ=Asia/Tokyo 0 9 * * 1')].flatMap(
        (each) => each['triggers'] as JsonObject[],
      ),
    },
  ],
  [
    'jitter at its bounds',
    {
      triggers: [
        { cron: '0 1 * * *', jitter: '1s' },
        { cron: '0 2 * * *', jitter: '5m' },
      ],
    },
  ],
  ['macros in conditions', condition('event.data.items.exists(item, item.price > 10)')],
  ['functions of the platform in keys', { idempotency: 'lowercase(event.data.mail)' }],
  [
    'a cancellation by both events',
    { cancel: [{ event: 'a', if: 'event.data.items.exists(i, i == async.data.item)' }] },
  ],
  ['a priority that is computed', { priority: { run: "event.data.plan == 'enterprise' ? 120 : 0" } }],
  ['a key that is a constant', { concurrency: [{ limit: 5, scope: 'account', key: '"openai"' }] }],
  ['every unit of a duration', { debounce: { period: '1500ms', timeout: '1w2d3h4m5s' } }],
])('%s are accepted', async (_title, options) => {
  expect(await problemsOf(options)).toEqual([]);
});
