import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JsonObject } from '@perdure/domain';
import { parseCheckpoint } from './checkpoint/parse-checkpoint.ts';
import { parseEventRequest } from './event/parse-event-request.ts';
import { queueItemRef } from './call/queue-item-ref.ts';
import { parseRegisterRequest } from './register/parse-register-request.ts';

/** Whatever is sent, reading it gives a value, and each refusal a text: nothing throws. */

const junk = fc.oneof(
  { maxDepth: 2 },
  fc.jsonValue(),
  fc.constantFrom(null, 0, -1, 1.5, '', '1s', 'event.data.x', 'a/b', [], {}),
);

function objectOf(keys: string[]): fc.Arbitrary<JsonObject> {
  return fc.dictionary(fc.constantFrom(...keys), junk).map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);
}

const LIMITS = [
  'limit',
  'period',
  'burst',
  'key',
  'scope',
  'timeout',
  'maxSize',
  'if',
  'run',
  'mode',
  'start',
  'finish',
  'fn',
  'step',
];
const limits = fc.oneof(
  objectOf(LIMITS),
  fc.array(objectOf([...LIMITS, 'event', 'match', 'cron', 'jitter', 'expression'])),
  junk,
);
const OPTIONS = [
  'triggers',
  'steps',
  'retries',
  'idempotency',
  'concurrency',
  'throttle',
  'rateLimit',
  'debounce',
  'priority',
];
const config = fc.dictionary(
  fc.constantFrom('id', 'name', 'batchEvents', 'cancel', 'timeouts', 'singleton', ...OPTIONS),
  limits,
);

test('registrations', () => {
  const options = { accountId: 'a', envId: 'e', checkExpression: () => undefined, checkCron: () => undefined };
  fc.assert(
    fc.property(fc.array(config), junk, (functions, url) => {
      const result = parseRegisterRequest({ appName: 'app', url, functions }, options);

      expect(result.ok || result.message !== '').toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('requests of events', () => {
  const event = objectOf(['name', 'data', 'id', 'ts', 'user', 'v', 'meta', '__proto__']);
  const body = fc.oneof(event, fc.array(event), junk).map((value) => JSON.stringify(value));
  fc.assert(
    fc.property(fc.oneof(body, fc.string()), (text) => {
      const result = parseEventRequest(text, { now: 1, eventId: (i) => `id-${i}`, eventBytesMax: 1000 });

      expect(result.kind === 'accepted' || result.message !== '').toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('checkpoints', () => {
  const op = objectOf(['op', 'id', 'opts', 'data', 'error', 'name']).chain((fields) =>
    fc
      .constantFrom('StepRun', 'Step', 'StepError', 'Sleep', 'DeferAdd')
      .map((name) => ({ id: 'h', op: name, ...fields })),
  );
  fc.assert(
    fc.property(fc.oneof(fc.array(op), junk), (steps) => {
      const result = parseCheckpoint({ qi_id: queueItemRef({ jobId: 'j', token: 't' }), steps }, 'run');

      expect(result.ok || [400, 413].includes(result.status)).toBe(true);
    }),
    { numRuns: 300 },
  );
});
