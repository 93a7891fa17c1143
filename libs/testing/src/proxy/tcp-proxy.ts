import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** Which way bytes stop in a half-open connection: `up` from client to server, `down` back. */
export type Stalled = 'both' | 'up' | 'down';

export interface TcpProxyOptions {
  /** `host:port`, or a URL whose host and port are meant. */
  to: string;
  /** Default 0: any free port of loopback. */
  port?: number;
}

/** What a proxy does to connections. Each mischief replaces the one before; `heal` ends it. */
export interface TcpProxy {
  readonly port: number;
  /** `127.0.0.1:port`. */
  readonly address: string;
  /** Connections open at this moment. */
  readonly connectionCount: number;
  /** `url` with host and port replaced by the proxy's. */
  through(url: string): string;
  /** Everything arrives `ms` later, in order, both ways. */
  delay(ms: number): void;
  /** Resets every open connection; new ones work. */
  cut(): void;
  /** Resets every open connection and refuses new ones, as when nobody listens. */
  refuse(): Promise<void>;
  /** Connections stay open, new ones are taken, but bytes of the stalled way are held back until `heal`. */
  halfOpen(stalled?: Stalled): void;
  /** Listens, passes at once, and sends on what was held back. */
  heal(): Promise<void>;
  /** Ends everything. Repeatable. */
  stop(): Promise<void>;
}

/** A TCP proxy on loopback between a client and a service, for tests of what happens when the network is not well. */
export async function startTcpProxy({ to, port = 0 }: TcpProxyOptions): Promise<TcpProxy> {
  const proxy = new LoopbackProxy(addressOf(to));
  await proxy.listen(port);
  return proxy;
}

interface Address {
  host: string;
  port: number;
}

function addressOf(to: string): Address {
  const { hostname, port } = new URL(to.includes('://') ? to : `tcp://${to}`);
  if (port === '') throw new Error(`expected a port in ${to}`);
  return { host: hostname, port: Number(port) };
}

class LoopbackProxy implements TcpProxy {
  port = 0;
  readonly #to: Address;
  readonly #links = new Set<Link>();
  #server: Server | undefined;
  #condition: Condition = { delayMs: 0 };

  constructor(to: Address) {
    this.#to = to;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get connectionCount(): number {
    return this.#links.size;
  }

  listen(port: number): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (client) => this.#link(client));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => {
        this.port = (server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  through(url: string): string {
    const { host } = new URL(url);
    return url.replace(host, this.address);
  }

  delay(ms: number): void {
    this.#set({ delayMs: ms });
  }

  cut(): void {
    for (const link of this.#links) link.reset();
  }

  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
    this.cut();
    await closed;
  }

  halfOpen(stalled: Stalled = 'both'): void {
    this.#set({ delayMs: 0, stalled });
  }

  async heal(): Promise<void> {
    this.#set({ delayMs: 0 });
    if (this.#server === undefined) await this.listen(this.port);
  }

  stop(): Promise<void> {
    return this.refuse();
  }

  #set(condition: Condition): void {
    this.#condition = condition;
    for (const link of this.#links) link.change();
  }

  #link(client: Socket): void {
    const server = connect({ ...this.#to, allowHalfOpen: true });
    const link = new Link(client, server, () => this.#condition);
    this.#links.add(link);
    link.onEnd(() => this.#links.delete(link));
  }
}

interface Condition {
  delayMs: number;
  stalled?: Stalled;
}

/** One connection of a client and the one to the service that belongs to it. */
class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #ways: [up: Way, down: Way];

  constructor(client: Socket, server: Socket, condition: () => Condition) {
    this.#client = client;
    this.#server = server;
    const isStalled = (way: Stalled) => condition().stalled === 'both' || condition().stalled === way;
    const way = (from: Socket, into: Socket, name: Stalled) =>
      new Way(from, into, () => (isStalled(name) ? Infinity : condition().delayMs));
    this.#ways = [way(client, server, 'up'), way(server, client, 'down')];
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      // An error of one side is the end of both: the other must see a reset, not an orderly end.
      socket.on('error', () => this.reset());
    }
  }

  /** Told when both sides are closed: one may be held open by what is held back. */
  onEnd(tell: () => void): void {
    let open = 2;
    for (const socket of [this.#client, this.#server]) socket.once('close', () => --open === 0 && tell());
  }

  change(): void {
    for (const way of this.#ways) way.flush();
  }

  reset(): void {
    for (const way of this.#ways) way.drop();
    for (const socket of [this.#client, this.#server]) if (!socket.destroyed) socket.resetAndDestroy();
  }
}

type Held = { chunk: Buffer | 'end'; since: number };

/** Bytes on their way in one direction, each held back as long as the proxy's condition wants. */
class Way {
  readonly #from: Socket;
  readonly #into: Socket;
  readonly #holdMs: () => number;
  readonly #held: Held[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, into: Socket, holdMs: () => number) {
    this.#from = from;
    this.#into = into;
    this.#holdMs = holdMs;
    from.on('data', (chunk: Buffer) => this.#hold(chunk));
    from.on('end', () => this.#hold('end'));
    into.on('drain', () => from.resume());
  }

  /** Sends on what has been held long enough, and looks again when the next is due. */
  flush(): void {
    clearTimeout(this.#timer);
    const holdMs = this.#holdMs();
    if (holdMs === Infinity) {
      // As when packets are lost: the sender notices nothing until its buffers are full.
      this.#from.pause();
      return;
    }
    this.#from.resume();
    const now = performance.now();
    for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
      const dueMs = first.since + holdMs - now;
      if (dueMs > 0) {
        this.#timer = setTimeout(() => this.flush(), Math.ceil(dueMs));
        return;
      }
      this.#held.shift();
      this.#pass(first.chunk);
    }
  }

  drop(): void {
    clearTimeout(this.#timer);
    this.#held.length = 0;
  }

  #hold(chunk: Held['chunk']): void {
    this.#held.push({ chunk, since: performance.now() });
    if (this.#held.length === 1 || this.#holdMs() === 0) this.flush();
  }

  #pass(chunk: Held['chunk']): void {
    if (this.#into.destroyed) return;
    if (chunk === 'end') this.#into.end();
    else if (!this.#into.write(chunk)) this.#from.pause();
  }
}
