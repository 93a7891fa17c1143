import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP proxy for tests that loses replies on purpose. */
export interface CuttingProxy {
  port: number;
  /** The next request goes through; once the server has answered it, the connection is cut without the answer. */
  cutNextReply(): void;
  /** Replies that were lost so far. */
  lostReplies(): number;
  close(): Promise<void>;
}

export async function startCuttingProxy(targetPort: number): Promise<CuttingProxy> {
  const open = new Set<Socket>();
  let isCutting = false;
  let lost = 0;

  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1');
    let isArmed = false;
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    client.on('data', (request) => {
      if (isCutting) isArmed = true;
      isCutting = false;
      upstream.write(request);
    });
    upstream.on('data', (reply) => {
      if (!isArmed) return void client.write(reply);
      lost += 1;
      end();
      return undefined;
    });
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', end).on('close', () => {
        open.delete(socket);
        end();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    cutNextReply: () => {
      isCutting = true;
    },
    lostReplies: () => lost,
    close: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
