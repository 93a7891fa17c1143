import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Config } from './config.ts';
import { describeConfig } from './describe-config.ts';
import { type ConfigInput, loadConfig, loadOptions } from './load-config.ts';

let root: string;
let cwd: string;
let homeDir: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'perdure-config-'));
  cwd = join(root, 'home', 'project', 'app');
  homeDir = join(root, 'home');
  mkdirSync(cwd, { recursive: true });
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

const KEYS = { 'signing-key': 'abcd', 'event-key': ['k1'] };
const SERVICES = {
  'nats-uri': ['nats://n:4222'],
  'redis-uri': 'redis://r:6379',
  'postgres-uri': 'postgres://p/db',
};

function input(given: Partial<ConfigInput>): ConfigInput {
  return { command: 'dev', flags: {}, env: {}, cwd, homeDir, ...given };
}

function load(given: Partial<ConfigInput>): Config {
  const loaded = loadConfig(input(given));
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config;
}

function noticesOf(given: Partial<ConfigInput>): { source: string; message: string }[] {
  const loaded = loadConfig(input(given));
  return loaded.ok ? loaded.notices : [];
}

function problemsOf(given: Partial<ConfigInput>): string[] {
  const loaded = loadConfig(input(given));
  return loaded.ok ? [] : loaded.problems.map(({ source, message }) => `${source}: ${message}`);
}

function writeFile(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

describe('defaults', () => {
  test('dev checks no keys, listens on loopback only and keeps nothing', () => {
    const config = load({});

    expect(config).toMatchObject({
      mode: 'dev',
      http: { host: '127.0.0.1', port: 8288 },
      auth: { signingKeys: [], eventKeys: [] },
      data: { isTemporary: true, dir: expect.stringContaining(join(tmpdir(), 'perdure-dev-')) },
      sync: { urls: [], poll: true, pollIntervalMs: 5000, discovery: true },
      executor: { concurrency: 100 },
      history: { driver: 'pglite' },
      limits: { eventBytesMax: 3_145_728 },
      log: { level: 'info', format: 'json' },
      sample: false,
    });
  });

  test('start listens everywhere, keeps its data, and neither polls nor discovers', () => {
    const config = load({ command: 'start', flags: KEYS });

    expect(config).toMatchObject({
      mode: 'start',
      http: { host: '0.0.0.0', port: 8288 },
      auth: { signingKeys: ['abcd'], eventKeys: ['k1'] },
      data: { dir: join(cwd, '.perdure'), isTemporary: false },
      sync: { poll: false, discovery: false },
      sample: false,
    });
  });

  test('what is not told runs here, without services, drains for 30 s and shows its metrics to this machine', () => {
    expect(load({})).toMatchObject({
      roles: ['event-api', 'runner', 'executor', 'api'],
      stream: { driver: 'embedded' },
      store: { driver: 'embedded' },
      telemetry: { metrics: { host: '127.0.0.1', port: 9464 } },
      drainMs: 30_000,
    });
    expect(load({}).telemetry).not.toHaveProperty('otlpUrl');
  });

  test('every part of the config is frozen', () => {
    const config = load({ flags: { 'sdk-url': ['http://a/api/inngest'] } });

    expect([config, config.roles, config.http, config.sync.urls].every(Object.isFrozen)).toBe(true);
  });
});

describe('[H76] the strongest source wins', () => {
  test('flag over variable over file', () => {
    writeFile(join(cwd, 'perdure.yaml'), 'port: 1\nhost: from-file\nqueue-workers: 5\n');
    const env = { PERDURE_PORT: '2', INNGEST_HOST: 'from-env' };

    const config = load({ flags: { port: '3' }, env });

    expect(config.http).toEqual({ host: 'from-env', port: 3 });
    expect(config.executor.concurrency).toBe(5);
  });

  test('our variable over the one that scripts already set', () => {
    const config = load({ env: { PERDURE_PORT: '2', INNGEST_PORT: '3', PERDURE_HOST: '', INNGEST_HOST: 'h' } });

    expect(config.http).toMatchObject({ port: 2, host: 'h' });
  });

  test('a list of a stronger source replaces the weaker one', () => {
    writeFile(join(cwd, 'inngest.json'), JSON.stringify({ 'event-key': ['file'], 'signing-key': 'abcd' }));

    const config = load({ command: 'start', env: { INNGEST_EVENT_KEY: ' a, b ,,a' } });

    expect(config.auth.eventKeys).toEqual(['a', 'b']);
  });

  test('LOG_LEVEL over the flag, any level over --verbose', () => {
    expect(load({ flags: { 'log-level': 'warn' }, env: { LOG_LEVEL: 'TRACE' } }).log.level).toBe('trace');
    expect(load({ flags: { verbose: true }, env: { INNGEST_LOG_LEVEL: 'error' } }).log.level).toBe('error');
    expect(load({ flags: { verbose: true } }).log.level).toBe('debug');
  });

  test('lines are JSON when asked for or when nobody reads along', () => {
    expect(load({ isTerminal: true }).log.format).toBe('pretty');
    expect(load({ isTerminal: false }).log.format).toBe('json');
    expect(load({ isTerminal: true, env: { LOG_HANDLER: 'json' } }).log.format).toBe('json');
    expect(load({ isTerminal: true, env: { LOG_HANDLER: 'txt' } }).log.format).toBe('pretty');
    expect(load({ isTerminal: false, flags: { json: false } }).log.format).toBe('pretty');
  });
});

describe('[H77] the config file', () => {
  test('is searched upwards, then in the home folder', () => {
    writeFile(join(homeDir, '.config', 'inngest', 'inngest.yml'), 'port: 1');
    expect(load({}).http.port).toBe(1);

    writeFile(join(homeDir, '.config', 'perdure', 'perdure.json'), '{"port": 2}');
    expect(load({}).http.port).toBe(2);

    writeFile(join(root, 'inngest.yaml'), 'port: 3');
    expect(load({}).http.port).toBe(3);

    writeFile(join(cwd, '..', 'inngest.yaml'), 'port: 4');
    expect(load({}).http.port).toBe(4);

    writeFile(join(cwd, 'inngest.json'), '{"port": 5}');
    expect(load({}).http.port).toBe(5);

    writeFile(join(cwd, 'perdure.yml'), 'port: 6');
    expect(load({}).http.port).toBe(6);
  });

  test('that is named and bad is fatal, without showing what it holds', () => {
    const bad = writeFile(join(cwd, 'my.json'), '{"signing-key": "5ec3e7" oops');

    expect(problemsOf({ flags: { config: 'my.json' } })).toEqual([
      expect.stringMatching(/my\.json: the file is not valid JSON \(line 1\)$/),
    ]);
    expect(problemsOf({ env: { INNGEST_CONFIG: bad } }).join()).not.toContain('5ec3e7');
    expect(problemsOf({ flags: { config: 'missing.yaml' } })).toEqual([
      expect.stringMatching(/missing\.yaml: the file cannot be read$/),
    ]);
  });

  test('that is found and bad is left out with a notice', () => {
    writeFile(join(cwd, 'perdure.yaml'), 'port: 1\n  host: [');

    expect(load({}).http.port).toBe(8288);
    expect(noticesOf({})).toEqual([
      expect.objectContaining({ message: expect.stringMatching(/not valid YAML.* and is left out$/) }),
    ]);
  });

  test('may hold unknown keys, which are told, and keys of other commands, which are not', () => {
    writeFile(join(cwd, 'perdure.yaml'), 'prot: 1\napi-host: x\nsigning-key: "abcd"\n');

    expect(noticesOf({}).map(({ message }) => message)).toEqual([
      'prot is no option and is left out; did you mean port?',
    ]);
  });

  test('may be empty, or hold a single text for a list', () => {
    writeFile(join(cwd, 'perdure.yaml'), '# nothing yet\n');
    expect(load({}).http.port).toBe(8288);

    writeFile(join(cwd, 'perdure.json'), '{"sdk-url": "localhost:3000/api/inngest"}');
    expect(load({}).sync.urls).toEqual(['http://localhost:3000/api/inngest']);
  });
});

describe('[H78] start without good keys', () => {
  test('says which are missing', () => {
    expect(problemsOf({ command: 'start' })).toEqual([
      'defaults: signing-key is required',
      'defaults: at least one event-key is required',
    ]);
  });

  test.each([
    ['abc', 'signing-key must be hex string with even number of chars'],
    ['signkey-prod-abc', 'signing-key must be hex string with even number of chars'],
    ['abxd', 'signing-key must be valid hex string: character 3 is no hexadecimal digit'],
    ['signkey-prod-', 'signing-key must be valid hex string: there are no digits'],
  ])('refuses the signing key %s', (key, message) => {
    expect(problemsOf({ command: 'start', flags: { ...KEYS, 'signing-key': key } })).toEqual([
      `--signing-key: ${message}`,
    ]);
  });

  test('accepts a key with the documented prefix, and fallbacks after it', () => {
    const env = { INNGEST_SIGNING_KEY: 'signkey-prod-abcd', INNGEST_SIGNING_KEY_FALLBACK: 'ef01,signkey-prod-23' };

    const config = load({ command: 'start', env, flags: { eventKey: ['k'] } });

    expect(config.auth.signingKeys).toEqual(['signkey-prod-abcd', 'ef01', 'signkey-prod-23']);
  });

  test('takes no keys that YAML has read as numbers', () => {
    writeFile(join(cwd, 'perdure.yaml'), 'signing-key: 0123456789\nevent-key: [12]\n');

    expect(problemsOf({ command: 'start' }).map((problem) => problem.replace(/^.*yaml: /, ''))).toEqual([
      'signing-key must be text (in a file: in quotes)',
      'event-key must be a list of texts (in a file: in quotes)',
    ]);
  });

  test('in dev, keys of the surroundings mean nothing', () => {
    const config = load({ env: { INNGEST_SIGNING_KEY: 'not hex', INNGEST_EVENT_KEY: 'k' } });

    expect(config.auth).toEqual({ signingKeys: [], eventKeys: [] });
  });
});

describe('problems', () => {
  test('are all reported at once, each with its source', () => {
    const flags = { port: '70000', 'sdk-url': ['ftp://x'], 'queue-workers': '0' };
    const env = { PERDURE_NO_POLL: 'maybe', INNGEST_LOG_LEVEL: 'loud' };

    expect(problemsOf({ flags, env })).toEqual([
      '--port: port must be a whole number from 0 to 65535, found "70000"',
      '--sdk-url: sdk-url must be a list of http or https addresses, found ["ftp://x"]',
      'PERDURE_NO_POLL: no-poll must be true or false, found "maybe"',
      '--queue-workers: queue-workers must be a whole number from 1 to 100000, found "0"',
      'INNGEST_LOG_LEVEL: log-level must be one of trace, debug, info, warn, error, found "loud"',
    ]);
  });

  test('never show a secret', () => {
    const flags = {
      'postgres-uri': 'mysql://u:hunter2@h/db',
      'sdk-url': ['ftp://u:hunter2@h'],
      'signing-key': 'hunter2',
    };

    const problems = problemsOf({ command: 'start', flags });

    expect(problems).toHaveLength(4);
    expect(problems.join()).not.toContain('hunter2');
  });

  test('of the connection pool have the words that scripts know', () => {
    expect(problemsOf({ flags: { 'postgres-max-open-conns': 1 } })).toEqual([
      '--postgres-max-open-conns: postgres-max-open-conns (1) must be greater than 1',
    ]);
    expect(problemsOf({ flags: { 'postgres-max-open-conns': 5, 'postgres-max-idle-conns': 6 } })).toEqual([
      '--postgres-max-open-conns: postgres-max-idle-conns (6) cannot be greater than postgres-max-open-conns (5)',
    ]);
  });
});

describe('[H77] the whole file in a variable', () => {
  const portOf = (text: string, env: ConfigInput['env'] = {}) =>
    load({ env: { PERDURE_CONFIG: text, ...env } }).http.port;

  test('is JSON, CUE or YAML', () => {
    expect(portOf('{"port": 1}')).toBe(1);
    expect(portOf('port: 2 // a comment\nhost: "h"\n')).toBe(2);
    expect(portOf('# a comment\nport: 3\nhost: h\n')).toBe(3);
  });

  test('or names a file', () => {
    writeFile(join(cwd, 'my.cue'), 'port: 4');

    expect(portOf('my.cue')).toBe(4);
    expect(problemsOf({ env: { PERDURE_CONFIG: '/etc/missing.yaml' } })).toEqual([
      'PERDURE_CONFIG: must hold the text of a config file, or the path of one that exists',
    ]);
  });

  test('stands behind a file that is named, and before one that is found', () => {
    writeFile(join(cwd, 'perdure.yaml'), 'port: 5');
    const named = writeFile(join(cwd, 'named.yaml'), 'port: 6');

    expect(portOf('port: 7')).toBe(7);
    expect(portOf('port: 7', { INNGEST_CONFIG: named })).toBe(6);
    expect(load({ flags: { config: named }, env: { PERDURE_CONFIG: 'port: 7' } }).http.port).toBe(6);
  });

  test('is fatal when it is bad, and is not quoted', () => {
    const problems = problemsOf({ env: { PERDURE_CONFIG: '{"signing-key": "5ec3e7"\n  oops: [' } });

    expect(problems).toEqual([expect.stringMatching(/^PERDURE_CONFIG: the file is not valid JSON .*CUE .*YAML/)]);
    expect(problems.join()).not.toContain('5ec3e7');
  });
});

describe('what a file may hold', () => {
  test('CUE by its ending, and any format without one', () => {
    expect(load({ flags: { config: writeFile(join(cwd, 'a.cue'), 'redis: uri: "redis://r"') } }).store).toMatchObject({
      url: 'redis://r',
    });
    expect(load({ flags: { config: writeFile(join(cwd, 'b'), 'port: 2') } }).http.port).toBe(2);
    expect(problemsOf({ flags: { config: writeFile(join(cwd, 'c.cue'), 'port: 1\nno-poll: true') } })).toEqual([
      expect.stringMatching(/not valid CUE \(line 2: a key with a hyphen must be in quotes\)$/),
    ]);
  });

  test('sections, whose names are joined to the keys in them', () => {
    writeFile(join(cwd, 'perdure.yaml'), 'redis:\n  uri: redis://r\n  wait: { replicas: 2 }\ncells: 4\n');

    expect(load({}).store).toEqual({ driver: 'redis', url: 'redis://r', cells: 4, waitReplicas: 2 });
  });

  test('no option twice', () => {
    writeFile(join(cwd, 'perdure.yaml'), 'redis-uri: redis://a\nredis:\n  uri: redis://b\n');

    expect(problemsOf({})).toEqual([expect.stringMatching(/perdure\.yaml: redis-uri is given more than once$/)]);
  });

  test('variables, in texts and lists', () => {
    writeFile(
      join(cwd, 'perdure.yaml'),
      'port: ${PORT:-1}\nsdk-url: ["http://${HOST}/a", "${NONE:-}"]\nnats-uri: ${SERVERS}\nhost: ${EMPTY}\n',
    );
    const env = { HOST: 'app', SERVERS: 'n1:4222,tls://n2:4222', EMPTY: '' };

    const config = load({ env });

    expect(config.http).toEqual({ host: '127.0.0.1', port: 1 });
    expect(config.sync.urls).toEqual(['http://app/a']);
    expect(config.stream).toMatchObject({ servers: ['nats://n1:4222', 'tls://n2:4222'] });
    expect(load({ env: { ...env, PORT: '2' } }).http.port).toBe(2);
  });

  test('no variable that is not set, where its value is used', () => {
    writeFile(join(cwd, 'perdure.yaml'), 'signing-key: ${KEY}\nevent-key: ["${KEY}"]\nhost: ${HOST}\n');

    expect(problemsOf({ command: 'start', env: { PERDURE_HOST: 'h' } }).map((text) => text.split(': ')[1])).toEqual([
      'signing-key needs the variable KEY, which is not set',
      'event-key needs the variable KEY, which is not set',
    ]);
    // `dev` checks no keys, whoever may have set them.
    expect(load({ env: { PERDURE_HOST: 'h' } }).http.host).toBe('h');
  });
});

describe('serve', () => {
  const serve = (...roles: string[]): Partial<ConfigInput> => ({ command: 'serve', roles });

  test('runs the roles that are named, each once', () => {
    const config = load({ ...serve('executor', 'runner', 'executor'), flags: { ...KEYS, ...SERVICES, cells: '16' } });

    expect(config).toMatchObject({
      mode: 'serve',
      roles: ['runner', 'executor'],
      http: { host: '0.0.0.0', port: 8288 },
      data: { isTemporary: false },
      sync: { poll: false, discovery: false },
      stream: { driver: 'jetstream', servers: ['nats://n:4222'], replicas: 1, retentionMs: 604_800_000 },
      store: { driver: 'redis', url: 'redis://r:6379', cells: 16, waitReplicas: 0 },
      history: { driver: 'postgres', url: 'postgres://p/db' },
    });
  });

  test('names the roles when one is unknown or none is given', () => {
    expect(problemsOf({ ...serve('executer', 'api'), flags: KEYS })).toEqual([
      'defaults: "executer" is no role: the roles are event-api, runner, executor, api',
    ]);
    expect(problemsOf({ ...serve(), flags: KEYS })).toEqual([
      'defaults: name at least one role: the roles are event-api, runner, executor, api',
    ]);
  });

  test('of some of the roles needs what it shares with the others, and says why', () => {
    expect(problemsOf({ ...serve('executor', 'runner', 'api'), flags: KEYS })).toEqual([
      'defaults: nats-uri is required: event-api runs in another process, and the embedded event stream cannot be shared',
      expect.stringMatching(/^defaults: redis-uri is required: .* and the embedded store cannot be shared$/),
      expect.stringMatching(/^defaults: postgres-uri is required: .* and the embedded database cannot be shared$/),
    ]);
    expect(problemsOf({ ...serve('executor'), flags: KEYS })[0]).toContain(
      'event-api, runner and api run in another process',
    );
  });

  test('of all roles in one process needs no service', () => {
    expect(load({ ...serve('api', 'executor', 'runner', 'event-api'), flags: KEYS }).store.driver).toBe('embedded');
  });

  test('a service whose address is wrong is not also missing', () => {
    const flags = { ...KEYS, ...SERVICES, 'redis-uri': 'http://r', cells: '4' };

    expect(problemsOf({ ...serve('executor'), flags })).toEqual([
      expect.stringMatching(/^--redis-uri: redis-uri must be an address such as redis:/),
    ]);
  });

  test('--dev is like the command dev, and nothing but a flag', () => {
    const dev = load({ ...serve('api', 'runner'), flags: { ...KEYS, ...SERVICES, dev: true } });

    expect(dev).toMatchObject({
      mode: 'dev',
      roles: ['runner', 'api'],
      http: { host: '127.0.0.1' },
      auth: { signingKeys: [], eventKeys: [] },
      data: { isTemporary: true },
      sync: { poll: true, discovery: false },
    });
    writeFile(join(cwd, 'perdure.yaml'), 'dev: true');
    const env = { INNGEST_DEV: '1', PERDURE_DEV: '1' };
    expect(problemsOf({ ...serve('runner'), flags: SERVICES, env })).toEqual(['defaults: signing-key is required']);
  });

  test('needs event keys only where events come in', () => {
    const flags = { ...SERVICES, 'signing-key': 'abcd' };

    expect(problemsOf({ ...serve('runner', 'executor', 'api'), flags })).toEqual([]);
    expect(problemsOf({ ...serve('event-api'), flags })).toEqual(['defaults: at least one event-key is required']);
    expect(problemsOf({ ...serve('runner'), flags: SERVICES })).toEqual(['defaults: signing-key is required']);
  });
});

describe('services', () => {
  test('dev and start may use them too', () => {
    expect(load({ flags: SERVICES })).toMatchObject({
      stream: { driver: 'jetstream' },
      store: { driver: 'redis' },
      history: { driver: 'postgres' },
    });
  });

  test('more than one cell needs Redis', () => {
    expect(problemsOf({ flags: { cells: '4' } })).toEqual([
      '--cells: cells (4) needs redis-uri: the embedded store is a single cell',
    ]);
    expect(problemsOf({ flags: { cells: '1' } })).toEqual([]);
  });

  test('NATS keeps 1, 3 or 5 copies', () => {
    expect(load({ flags: { ...SERVICES, 'nats-replicas': '3' } }).stream).toMatchObject({ replicas: 3 });
    expect(problemsOf({ flags: { ...SERVICES, 'nats-replicas': 2 } })).toEqual([
      '--nats-replicas: nats-replicas must be one of 1, 3, 5, found 2',
    ]);
  });

  test.each([
    'redis://localhost',
    'redis://u:p%40ss@h:6379/3',
    'redis://u:p/s@s@h:6379',
    'rediss://:pw@[::1]:6379',
    'redis+sentinel://s1:26379,s2:26379/mymaster',
    'rediss+sentinel://u:p@s1:26379/my-master/2',
    'redis+cluster://c1:6379,c2:6379',
    'rediss+cluster://u:p@c1:6379',
  ])('the address %s is one of Redis', (url) => {
    expect(load({ flags: { 'redis-uri': url } }).store).toMatchObject({ url });
  });

  test.each([
    'http://h',
    'redis://',
    'redis://a:1,b:1',
    'redis://h/db',
    'redis+sentinel://s1:26379',
    'redis+cluster://c1:6379/1',
    'redis://u:hunter2@h:port',
  ])('the address %s is none of Redis, and is not quoted', (url) => {
    const problems = problemsOf({ flags: { 'redis-uri': url } });

    expect(problems).toEqual([expect.stringMatching(/^--redis-uri: redis-uri must be an address such as redis:/)]);
    expect(problems.join()).not.toContain('hunter2');
  });

  test('traces go to the collector that everybody knows, unless another is named', () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

    expect(load({ env }).telemetry.otlpUrl).toBe('http://collector:4318');
    expect(load({ env: { ...env, PERDURE_OTLP_ENDPOINT: 'http://ours:4318' } }).telemetry.otlpUrl).toBe(
      'http://ours:4318',
    );
  });

  test('metrics can be moved and turned off', () => {
    expect(load({ env: { PERDURE_METRICS_HOST: '0.0.0.0', PERDURE_METRICS_PORT: '0' } }).telemetry).toEqual({
      metrics: { host: '0.0.0.0', port: 0 },
    });
    expect(load({ flags: { metrics: false } }).telemetry).toEqual({});
  });
});

test('what a command without a server needs is read from the same sources', () => {
  writeFile(join(cwd, 'perdure.yaml'), 'event-key: [k1]\nport: 99999\n');

  const loaded = loadOptions({ command: 'send', flags: {}, env: { PERDURE_URL: 'h:1' }, cwd, homeDir });

  expect(loaded).toEqual({ ok: true, values: { url: 'http://h:1', 'event-key': ['k1'] }, notices: [] });
});

test('options without effect are accepted with a notice', () => {
  const notices = noticesOf({ flags: { tick: '150', noUi: true }, env: { INNGEST_SQLITE_DIR: '/data' } });

  expect(notices.map(({ source, message }) => `${source}: ${message}`)).toEqual([
    'INNGEST_SQLITE_DIR: sqlite-dir has no effect: there is no SQLite here: use data-dir',
    '--tick: tick has no effect: nothing polls the queue here',
    '--no-ui: no-ui has no effect: there is no dashboard yet',
  ]);
});

describe('single options', () => {
  test('dev keeps its data with --persist, or where --data-dir says', () => {
    expect(load({ flags: { persist: true } }).data).toEqual({ dir: join(cwd, '.perdure'), isTemporary: false });
    expect(load({ flags: { dataDir: 'd' } }).data).toEqual({ dir: join(cwd, 'd'), isTemporary: false });
  });

  test('polling stops with --no-poll, in every spelling, and with an interval of 0', () => {
    for (const flags of [{ 'no-poll': true }, { noPoll: true }, { poll: false }, { 'poll-interval': '0' }]) {
      expect(load({ flags }).sync.poll).toBe(false);
    }
    expect(load({ flags: { poll: true, discovery: true } }).sync).toMatchObject({ poll: true, discovery: true });
    expect(load({ command: 'start', flags: { ...KEYS, pollInterval: 60 } }).sync).toMatchObject({
      poll: true,
      pollIntervalMs: 60_000,
    });
  });

  test('a Postgres address replaces the embedded database', () => {
    const config = load({ env: { PERDURE_POSTGRES_URI: 'postgres://u:hunter2@h:5432/db?sslpassword=hunter2' } });

    expect(config.history).toEqual({
      driver: 'postgres',
      url: 'postgres://u:hunter2@h:5432/db?sslpassword=hunter2',
      poolMax: 10,
    });
    expect(JSON.stringify(describeConfig(config))).not.toContain('hunter2');
  });

  test('a retry interval of 0 is the growing delay', () => {
    expect(load({}).executor).toEqual({ concurrency: 100 });
    expect(load({ flags: { 'retry-interval': '2' } }).executor).toEqual({ concurrency: 100, retryIntervalMs: 2000 });
  });
});

test('a described config names no key', () => {
  const config = load({ command: 'start', flags: { 'signing-key': 'abcd', 'event-key': ['k1', 'k2'] } });

  expect(describeConfig(config)).toMatchObject({
    auth: { signingKeys: ['[redacted]'], eventKeys: ['[redacted]', '[redacted]'] },
    http: { port: 8288 },
  });
});

test('a described config shows services without what opens them', () => {
  const config = load({
    flags: {
      'nats-uri': ['nats://hunter2@n1:4222', 'tls://u:hunter2@n2:4222'],
      'redis-uri': 'redis+sentinel://u:hunter2@s1:1,s2:2/m',
      'otlp-endpoint': 'http://u:hunter2@c:4318',
    },
  });

  const described = describeConfig(config);

  expect(described).toMatchObject({
    stream: { servers: ['nats://[redacted]@n1:4222', 'tls://[redacted]@n2:4222'] },
    store: { url: 'redis+sentinel://[redacted]@s1:1,s2:2/m', cells: 1 },
  });
  expect(JSON.stringify(described)).not.toContain('hunter2');
});
