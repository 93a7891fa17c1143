import pg from 'pg';

/** Postgres's numbers of the types (pg_type.oid). */
const INT8 = 20;
const JSON_TEXT = 114;

const KEEPALIVE_AFTER_MS = 10_000;
const IDLE_MS_MAX = 60_000;
/** Now and then a connection is made anew, so that one to a server that was replaced does not stay for ever. */
const LIFETIME_S_MAX = 1_800;
/** A process that stops in the middle of a transaction must not hold its locks for long. */
const IDLE_IN_TRANSACTION_MS_MAX = 20_000;
/** How long the server may take to close connections before they are dropped. */
const CLOSE_MS_MAX = 1_000;

export interface PoolLimits {
  /** For making a connection, and for waiting until one is free. */
  connectMs: number;
  /** For one statement; 0 is no limit. */
  statementMs: number;
}

/** Together they bound how long a caller waits for a server that is only half there. */
export const POOL_LIMITS: PoolLimits = { connectMs: 5_000, statementMs: 10_000 };
/** The server gives up first, where it can: then the connection is still good. */
const SERVER_SHARE = 0.9;

export interface PoolOptions {
  url: string;
  poolMax: number;
  /** Told when a connection that nobody used was lost. */
  onConnectionLost?: (error: Error) => void;
}

/** Connections to Postgres, which nothing can be waited for longer than the limits. */
export class PostgresPool {
  readonly #pool: pg.Pool;
  readonly #clients = new Set<pg.Client>();

  constructor({ url, poolMax, onConnectionLost }: PoolOptions, { connectMs, statementMs }: PoolLimits) {
    this.#pool = new pg.Pool({
      connectionString: url,
      fallback_application_name: 'perdure',
      max: poolMax,
      connectionTimeoutMillis: connectMs,
      query_timeout: statementMs,
      statement_timeout: statementMs * SERVER_SHARE,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS_MAX,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
      idleTimeoutMillis: IDLE_MS_MAX,
      maxLifetimeSeconds: LIFETIME_S_MAX,
      types: typesOfTables(),
    });
    // Without listeners the loss of a connection would end the process. The pool tells of those that nobody uses; of one
    // in use the statement tells, and the connection once more.
    this.#pool.on('error', (error) => onConnectionLost?.(error));
    this.#pool.on('connect', (client) => {
      client.on('error', () => {});
      if (client instanceof pg.Client) this.#clients.add(client);
    });
    this.#pool.on('remove', (client) => {
      if (client instanceof pg.Client) this.#clients.delete(client);
    });
  }

  connect(): Promise<pg.PoolClient> {
    return this.#pool.connect();
  }

  /** Resolves when statements under way are done and no connection is left, also with a server that does not answer. */
  async close(): Promise<void> {
    await this.#pool.end();
    if (this.#clients.size === 0) return;
    const removed = new Promise<void>((resolve) => {
      this.#pool.on('remove', () => this.#clients.size === 0 && resolve());
    });
    const given = Promise.withResolvers<void>();
    const timer = setTimeout(given.resolve, CLOSE_MS_MAX);
    await Promise.race([removed, given.promise]);
    clearTimeout(timer);
    for (const client of this.#clients) client.connection.stream.destroy();
  }
}

/** The values of `Tables`: instants and counts as numbers, JSON as the text that was stored. */
function typesOfTables(): pg.CustomTypesConfig {
  const types = new pg.TypeOverrides();
  types.setTypeParser(INT8, Number);
  types.setTypeParser(JSON_TEXT, (text: string) => text);
  return types;
}
