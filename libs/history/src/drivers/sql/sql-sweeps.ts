import type { EnvId, EpochMs } from '@perdure/domain';
import type { Kysely } from 'kysely';

import type { Sweep, SweepKind, Sweeps } from '../../sweeps.ts';
import type { SweepRow, Tables } from './tables.ts';

/** Sweeps in any Postgres. */
export class SqlSweeps implements Sweeps {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async addSweep(sweep: Parameters<Sweeps['addSweep']>[0]): Promise<void> {
    const { id, envId, kind, functionId, spec, createdAt } = sweep;
    await this.#db
      .insertInto('sweeps')
      .values({
        sweep_id: id,
        env_id: envId,
        kind,
        function_id: functionId,
        spec,
        state: 'open',
        cursor: null,
        seen: 0,
        done: 0,
        failed: 0,
        created_at: createdAt,
        ended_at: null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async findSweep(id: string): Promise<Sweep | undefined> {
    const row = await this.#db.selectFrom('sweeps').selectAll().where('sweep_id', '=', id).executeTakeFirst();
    return row === undefined ? undefined : sweepOfRow(row);
  }

  async listSweeps({ envId, kind, sweepsMax }: { envId: EnvId; kind: SweepKind; sweepsMax: number }): Promise<Sweep[]> {
    const rows = await this.#db
      .selectFrom('sweeps')
      .selectAll()
      .where('env_id', '=', envId)
      .where('kind', '=', kind)
      .orderBy('sweep_id', 'desc')
      .limit(sweepsMax)
      .execute();
    return rows.map(sweepOfRow);
  }

  async listOpenSweeps(sweepsMax: number): Promise<Sweep[]> {
    const rows = await this.#db
      .selectFrom('sweeps')
      .selectAll()
      .where('state', '=', 'open')
      .orderBy('sweep_id')
      .limit(sweepsMax)
      .execute();
    return rows.map(sweepOfRow);
  }

  async moveSweep({ id, from, to, endedAt, ...counts }: Parameters<Sweeps['moveSweep']>[0]): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('sweeps')
      .set((row) => ({
        cursor: to,
        seen: row('seen', '+', counts.seen),
        done: row('done', '+', counts.done),
        failed: row('failed', '+', counts.failed),
        ...(endedAt !== undefined && { state: 'done' as const, ended_at: endedAt }),
      }))
      .where('sweep_id', '=', id)
      .where('state', '=', 'open')
      .where('cursor', 'is not distinct from', from ?? null)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  async stopSweep(id: string, at: EpochMs): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('sweeps')
      .set({ state: 'stopped', ended_at: at })
      .where('sweep_id', '=', id)
      .where('state', '=', 'open')
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }
}

function sweepOfRow(row: SweepRow): Sweep {
  return {
    id: row.sweep_id,
    envId: row.env_id,
    kind: row.kind,
    functionId: row.function_id,
    spec: row.spec,
    state: row.state,
    ...(row.cursor !== null && { cursor: row.cursor }),
    seen: row.seen,
    done: row.done,
    failed: row.failed,
    createdAt: row.created_at,
    ...(row.ended_at !== null && { endedAt: row.ended_at }),
  };
}
