import { PerdureError } from '@perdure/domain';

/** Where Redis is, as its URL says. */
export interface RedisPlace {
  kind: 'single' | 'sentinel' | 'cluster';
  /** The server; the sentinels; or nodes of the cluster, of which one that answers is enough. */
  hosts: RedisHost[];
  /** What the sentinels call the primary; '' without sentinels. */
  masterName: string;
  database: number;
  isTls: boolean;
  username?: string;
  password?: string;
}

export interface RedisHost {
  host: string;
  port: number;
}

const URL_FORM = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:(.*)@)?([^/?#@]+)(?:\/([^?#@]*))?$/;
const HOST_FORM = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/;
const REDIS_PORT = 6379;
const SENTINEL_PORT = 26379;

const EXPECTED = {
  single: 'redis[s]://[user:password@]host:port[/database]',
  sentinel: 'redis[s]+sentinel://[user:password@]host:port,host:port/<master name>[/database]',
  cluster: 'redis[s]+cluster://[user:password@]host:port,host:port',
} as const;

/**
 * Understands the three forms of `EXPECTED`. User, password and master name are percent-encoded. Throws a
 * `PerdureError` `STORE_URL_INVALID` that says what is wrong without repeating the URL, which holds a password.
 */
export function parseRedisUrl(url: string): RedisPlace {
  const [, scheme, form = 'single', credentials, hosts = '', path = ''] = URL_FORM.exec(url) ?? [];
  if (scheme === undefined) throw invalid(`expected one of ${Object.values(EXPECTED).join(', ')}`);
  const kind = form as RedisPlace['kind'];
  return {
    kind,
    hosts: parseHosts(kind, hosts),
    ...parsePath(kind, path),
    isTls: scheme === 'rediss',
    ...parseCredentials(credentials),
  };
}

function parseHosts(kind: RedisPlace['kind'], text: string): RedisHost[] {
  const hosts = text.split(',').map((host) => parseHost(kind, host));
  if (kind === 'single' && hosts.length > 1) {
    throw invalid(`several hosts need redis+sentinel:// or redis+cluster://, ${EXPECTED.single} has one`);
  }
  return hosts;
}

function parseHost(kind: RedisPlace['kind'], text: string): RedisHost {
  const [, address, name, port] = HOST_FORM.exec(text) ?? [];
  const host = address ?? name;
  if (host === undefined) throw invalid(`a host is not host:port, expected ${EXPECTED[kind]}`);
  if (port === undefined) return { host, port: kind === 'sentinel' ? SENTINEL_PORT : REDIS_PORT };
  if (Number(port) < 1 || Number(port) > 65_535) throw invalid(`there is no port ${port}`);
  return { host, port: Number(port) };
}

function parsePath(kind: RedisPlace['kind'], path: string): { masterName: string; database: number } {
  const parts = path.split('/');
  const masterName = kind === 'sentinel' ? decode(parts.shift() ?? '') : '';
  if (kind === 'sentinel' && masterName === '')
    throw invalid(`the name of the master is missing: ${EXPECTED.sentinel}`);
  const [database = '', ...rest] = parts;
  if (!/^\d{0,5}$/.test(database) || rest.length > 0)
    throw invalid(`a database is a number, expected ${EXPECTED[kind]}`);
  if (kind === 'cluster' && Number(database) !== 0) throw invalid('a cluster has no database but 0');
  return { masterName, database: Number(database) };
}

function parseCredentials(text: string | undefined): { username?: string; password?: string } {
  if (text === undefined || text === '') return {};
  const colon = text.indexOf(':');
  if (colon < 0)
    throw invalid('a user without a password: expected user:password@, or :password@ for the default user');
  const username = decode(text.slice(0, colon));
  const password = decode(text.slice(colon + 1));
  if (password === '') throw invalid('the password is empty');
  return { ...(username !== '' && { username }), password };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    // The error of JavaScript names no part of the text.
    throw new PerdureError('STORE_URL_INVALID', 'the Redis URL has a % that encodes nothing: write it as %25', {
      cause,
    });
  }
}

function invalid(problem: string): PerdureError {
  return new PerdureError('STORE_URL_INVALID', `the Redis URL cannot be used: ${problem}`);
}
