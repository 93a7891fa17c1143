import {
  CompiledQuery,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  type QueryCompiler,
  type QueryResult,
} from 'kysely';
import pg from 'pg';

import { statementError } from '../sql/statement-error.ts';
import type { PostgresPool } from './postgres-pool.ts';

/** SQLSTATE classes of a server that goes away, or that became a replica: another connection may reach another one. */
const CONNECTION_IS_SPOILED = /^(08|25006|57P)/;

/**
 * Kysely over a pool, with the errors of the port. Kysely's own dialect would keep a connection whose statement got no
 * answer in time, and the next one would wait behind it.
 */
export class PooledPostgresDialect implements Dialect {
  readonly #pool: PostgresPool;

  constructor(pool: PostgresPool) {
    this.#pool = pool;
  }

  createDriver(): Driver {
    return new PooledPostgresDriver(this.#pool);
  }

  createQueryCompiler(): QueryCompiler {
    return new PostgresQueryCompiler();
  }

  createAdapter(): DialectAdapter {
    return new PostgresAdapter();
  }

  createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    return new PostgresIntrospector(db);
  }
}

class PooledPostgresDriver implements Driver {
  readonly #pool: PostgresPool;

  constructor(pool: PostgresPool) {
    this.#pool = pool;
  }

  init(): Promise<void> {
    return Promise.resolve();
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    try {
      return new PooledConnection(await this.#pool.connect());
    } catch (error) {
      throw translate(error);
    }
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin'));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  releaseConnection(connection: DatabaseConnection): Promise<void> {
    if (connection instanceof PooledConnection) connection.release();
    return Promise.resolve();
  }

  destroy(): Promise<void> {
    return this.#pool.close();
  }
}

class PooledConnection implements DatabaseConnection {
  readonly #client: pg.PoolClient;
  #failure: Error | undefined;

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    // After a statement without an answer, the rollback would only wait as long again.
    if (this.#failure !== undefined) throw this.#failure;
    try {
      const { rows, rowCount } = await this.#client.query(sql, [...parameters]);
      return { rows, numAffectedRows: BigInt(rowCount ?? 0) };
    } catch (error) {
      const translated = translate(error);
      if (isSpoiled(error)) this.#failure = translated;
      throw translated;
    }
  }

  release(): void {
    this.#client.release(this.#failure !== undefined);
  }

  // oxlint-disable-next-line require-yield -- the interface wants a generator; nobody streams from this database
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('history does not stream');
  }
}

/** Whether the connection is of no use any more: no answer, or one that says so. */
function isSpoiled(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || CONNECTION_IS_SPOILED.test(error.code ?? '');
}

function translate(error: unknown): Error {
  return statementError(error instanceof pg.DatabaseError ? error.code : undefined, error);
}
