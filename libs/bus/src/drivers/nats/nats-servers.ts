import type { ConnectionOptions } from '@nats-io/transport-node';

import { BusError } from '../../bus-error.ts';

/**
 * What the client wants to know of URLs `nats://` or `tls://`, with user and password or a token before the `@`: it reads
 * neither from a URL. The first credentials and one `tls:` count for all servers, which are one cluster.
 * Throws `BUS_SERVERS_INVALID`.
 */
export function natsServers(urls: readonly string[]): ConnectionOptions {
  const parsed = urls.map(parseServer);
  const authorised = parsed.find(({ username }) => username !== '');
  return {
    servers: parsed.map(({ host }) => host),
    ...(authorised !== undefined && credentialsOf(authorised)),
    ...(parsed.some(({ protocol }) => protocol === 'tls:') && { tls: {} }),
  };
}

function credentialsOf({ username, password }: URL): ConnectionOptions {
  if (password === '') return { token: decodeURIComponent(username) };
  return { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
}

function parseServer(url: string): URL {
  const parsed = URL.parse(url.includes('://') ? url : `nats://${url}`);
  // What was given is not shown: it may hold a password.
  if (parsed === null) throw new BusError('BUS_SERVERS_INVALID', 'a NATS server must be given as nats://host:port');
  return parsed;
}
