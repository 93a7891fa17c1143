import type { ConnectionOptions } from '@nats-io/transport-node';

import { EventStreamError } from '../../event-stream-error.ts';

/** The servers of one cluster, and how to name them in a message. */
export interface NatsServers {
  options: ConnectionOptions;
  /** Host and port of each, without credentials. */
  names: string;
}

/**
 * What the client wants to know of URLs `nats://` or `tls://`, with user and password or a token before the `@`: it reads
 * neither from a URL. The first credentials and one `tls:` count for all servers. Throws STREAM_MISCONFIGURED.
 */
export function parseNatsServers(urls: readonly string[]): NatsServers {
  const parsed = urls.map(parseServer);
  const hosts = parsed.map(({ host }) => host);
  const withCredentials = parsed.find(({ username }) => username !== '');
  return {
    options: {
      servers: hosts,
      ...(withCredentials !== undefined && credentialsOf(withCredentials)),
      ...(parsed.some(({ protocol }) => protocol === 'tls:') && { tls: {} }),
    },
    names: hosts.join(', '),
  };
}

function credentialsOf({ username, password }: URL): ConnectionOptions {
  const user = decodeURIComponent(username);
  return password === '' ? { token: user } : { user, pass: decodeURIComponent(password) };
}

function parseServer(url: string): URL {
  const parsed = URL.parse(url.includes('://') ? url : `nats://${url}`);
  // What was given is not shown: it may hold a password.
  if (parsed === null) {
    throw new EventStreamError('STREAM_MISCONFIGURED', 'a NATS server must be given as nats://host:port');
  }
  return parsed;
}
