import { expect, test } from 'vitest';

import { natsServers } from './nats-servers.ts';

test('servers are named without what is secret', () => {
  const options = natsServers(['nats://perdure:p%40ss:1234@one:4222', 'nats://two:4223', 'three']);

  expect(options).toEqual({ servers: ['one:4222', 'two:4223', 'three'], user: 'perdure', pass: 'p@ss:1234' });
});

test('a name without a password is a token, and tls asks for encryption', () => {
  expect(natsServers(['tls://s3cret@[::1]:4222'])).toEqual({ servers: ['[::1]:4222'], token: 's3cret', tls: {} });
});

test('what is no URL is refused without being repeated', () => {
  expect(() => natsServers(['nats://perdure:secret@host:port'])).toThrow(
    expect.objectContaining({ code: 'BUS_SERVERS_INVALID', message: expect.not.stringContaining('secret') }),
  );
});
