import { PerdureError } from '@perdure/domain';
import { recordingLogger } from '@perdure/telemetry';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isOutage, throughOutage } from './through-outage.ts';

const away = new PerdureError('STORE_UNAVAILABLE', 'Redis does not answer');
const refused = new PerdureError('STORE_FAILED', 'Redis refused an operation');

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function begin(act: () => Promise<string>) {
  const abort = new AbortController();
  const log = recordingLogger();
  const result = throughOutage(act, { what: 'test', log, signal: abort.signal });
  // Looked at when the test does; until then a failure is nobody's.
  result.catch(() => undefined);
  return { abort, log, result };
}

test('what fails while a service is away is done again until it is back', async () => {
  const act = vi.fn<() => Promise<string>>().mockResolvedValue('done');
  for (let i = 0; i < 20; i += 1) act.mockRejectedValueOnce(away);

  const { result, log } = begin(act);
  await vi.advanceTimersByTimeAsync(60_000);

  await expect(result).resolves.toBe('done');
  expect(act).toHaveBeenCalledTimes(21);
  expect(log.lines.length).toBeGreaterThan(0);
  expect(log.lines[0]).toMatchObject({ level: 'warn', facts: { what: 'test' } });
});

test('what fails for its own sake fails at once', async () => {
  const act = vi.fn<() => Promise<string>>().mockRejectedValue(refused);

  const { result } = begin(act);

  await expect(result).rejects.toBe(refused);
  expect(act).toHaveBeenCalledTimes(1);
});

test('who is asked to stop is told of the outage', async () => {
  const { result, abort } = begin(() => Promise.reject(away));
  await vi.advanceTimersByTimeAsync(1_000);

  abort.abort();

  await expect(result).rejects.toBe(away);
});

test.each([
  ['STREAM_UNAVAILABLE', true],
  ['HISTORY_UNAVAILABLE', true],
  ['STORE_FULL', true],
  ['HISTORY_REFUSED', false],
])('%s is an outage: %s', (code, expected) => {
  expect(isOutage(new PerdureError(code, 'a failure'))).toBe(expected);
  expect(isOutage(new Error(code))).toBe(false);
});
