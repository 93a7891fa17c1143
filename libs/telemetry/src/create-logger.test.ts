import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { createLogger, type LoggerOptions } from './create-logger.ts';
import { recordingLogger } from './test-loggers.ts';

/** As domain's errors are made: code and facts as own fields. */
class StoreError extends Error {
  readonly code = 'STORE_CLOSED';
  readonly facts = { cell: 3, password: 'hunter2' };
}

function capture(options: Partial<LoggerOptions> = {}) {
  const written: string[] = [];
  const stream = { write: (line: string) => written.push(line) };
  return { written, log: createLogger({ level: 'info', format: 'json', stream, ...options }) };
}

function onlyJson(written: string[]): Record<string, unknown> {
  expect(written).toHaveLength(1);
  const line: Record<string, unknown> = JSON.parse(written[0] ?? '');
  return line;
}

describe('JSON lines', () => {
  test('carry time, level, message, the facts of the line and those of the logger', () => {
    const { written, log } = capture();

    log.child({ runId: 'R1' }).info('a run ended', { status: 'Completed', tookMs: 12 });

    expect(onlyJson(written)).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      level: 'info',
      message: 'a run ended',
      runId: 'R1',
      status: 'Completed',
      tookMs: 12,
    });
  });

  test('below the level are not written', () => {
    const { written, log } = capture({ level: 'warn' });

    log.info('quiet');
    log.warn('loud');

    expect(written.map((line) => JSON.parse(line).message)).toEqual(['loud']);
  });

  test('show code, facts and causes of an error', () => {
    const { written, log } = capture();

    log.error('a store failed', { error: new StoreError('the store is closed', { cause: new Error('disk full') }) });

    expect(onlyJson(written)['error']).toMatchObject({
      name: 'Error',
      code: 'STORE_CLOSED',
      message: 'the store is closed',
      facts: { cell: 3, password: '[redacted]' },
      stack: expect.stringContaining('create-logger.test.ts'),
      cause: { message: 'disk full' },
    });
  });

  test('contain no secret, wherever its key stands', () => {
    const { written, log } = capture();

    log.info('signkey-prod-0123456789abcdef was used', {
      signingKey: 'abcdef',
      'event-keys': ['k1', 'k2'],
      headers: { Authorization: 'Bearer abcdef' },
      url: 'postgres://user:abcdef@host/db',
      error: new Error('cannot connect to redis://:abcdef@host'),
    });

    expect(written[0]).not.toMatch(/abcdef|k1/);
    expect(onlyJson(written)).toMatchObject({ url: 'postgres://user:[redacted]@host/db' });
  });

  test('survive whatever the facts hold', () => {
    const { written, log } = capture();
    const endless: Record<string, unknown> = {};
    endless['self'] = endless;

    log.info('odd facts', {
      endless,
      big: 10n,
      bytes: new Uint8Array(3),
      none: undefined,
      when: new Date(0),
      fn: () => 1,
    });

    expect(onlyJson(written)).toMatchObject({ big: '10', bytes: '[3 bytes]', when: '1970-01-01T00:00:00.000Z' });
  });
});

test('a fact named like a field of the line does not replace it', () => {
  const { written, log } = capture();

  log.warn('an odd fact', { level: 'info', message: 'forged', time: 0 });

  expect(onlyJson(written)).toMatchObject({
    level: 'warn',
    message: 'an odd fact',
    level_: 'info',
    message_: 'forged',
  });
});

describe('pretty lines', () => {
  test('are one line of time, level, message and facts', () => {
    const { written, log } = capture({ format: 'pretty' });

    log.info('an app was synced', { app: 'shop', functions: 3, url: 'http://localhost:3000/a b', tags: ['x'] });

    expect(written.join('')).toMatch(
      /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: an app was synced {2}app=shop functions=3 url="http:\/\/localhost:3000\/a b" tags=\["x"\]\n$/,
    );
  });

  test('show a handled error within the line, and the stack of one to act on below it', () => {
    const { written, log } = capture({ format: 'pretty' });
    const error = new StoreError('the store is closed', { cause: new Error('disk full') });

    log.warn('a job was put back', { error });
    log.error('a job was lost', { error });

    expect(written[0]).toMatch(/error="STORE_CLOSED: the store is closed \(because of Error: disk full\)"\n$/);
    expect(written[1]).toMatch(/disk full\)"\n {4}at .*create-logger\.test\.ts/);
  });

  test('cannot be broken up by what a fact holds', () => {
    const { written, log } = capture({ format: 'pretty' });

    log.info('an event came', { name: 'a\n[12:00:00] ERROR: forged \u001b[31m' });

    expect(written.join('').split('\n')).toHaveLength(2);
    expect(written.join('')).not.toContain('\u001b');
  });

  test('are coloured when asked for', () => {
    const { written, log } = capture({ format: 'pretty', colors: true });

    log.info('hello');

    expect(written.join('')).toContain('\u001b[');
  });
});

test('the last line before the process exits is written', () => {
  const program = `
    import { createLogger } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
    createLogger({ level: 'info', format: 'pretty' }).info('last words');
    process.exit(3);
  `;

  const run = () =>
    execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      encoding: 'utf8',
    });

  expect(run).toThrow(expect.objectContaining({ status: 3, stdout: expect.stringContaining('last words\n') }));
});

test('a recording logger keeps lines of children too', () => {
  const log = recordingLogger();

  log.child({ runId: 'R1' }).warn('a lease was lost', { jobId: 'J1' });

  expect(log.lines).toEqual([{ level: 'warn', message: 'a lease was lost', facts: { runId: 'R1', jobId: 'J1' } }]);
});
