import type { AppId, EnvId, EpochMs, FunctionDefinition, FunctionId, LimitOverrides } from '@perdure/domain';
import type { Kysely } from 'kysely';

import type { AppRecord, HeldState, Registry, SyncedFunction } from '../../history.ts';
import { appOfRow, canonicalJson, definitionOf, overridesOf } from './registry-rows.ts';
import {
  archiveFunctions,
  bumpRevision,
  findApp,
  forgetAppsAt,
  listStoredFunctions,
  lockRegistry,
  saveFunction,
  upsertApp,
} from './registry-statements.ts';
import { storableText } from './storable-text.ts';
import type { AppRow, Tables } from './tables.ts';

/** The registry in any Postgres. Changes happen one after another: each locks the row that counts them. */
export class SqlRegistry implements Registry {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  saveApp(
    app: AppRecord,
    functions: SyncedFunction[],
  ): Promise<{ kind: 'changed' | 'unchanged'; functions: FunctionDefinition[] }> {
    const { envId, id: appId, url } = app;
    return this.#db.transaction().execute(async (tx) => {
      await lockRegistry(tx);
      const known = await listStoredFunctions(tx, { envId, appId });
      const active = known.filter((fn) => fn.archived_at === null);
      if (isSaved(app, await findApp(tx, envId, appId))) {
        return { kind: 'unchanged', functions: active.map(definitionOf) };
      }
      await forgetAppsAt(tx, { envId, url, except: appId });
      await upsertApp(tx, app);
      const saved: FunctionDefinition[] = [];
      for (const fn of functions) {
        const stored = known.find(({ function_id }) => function_id === fn.id);
        saved.push(await saveFunction(tx, fn, stored));
      }
      const listed = new Set<string>(functions.map(({ id }) => id));
      const missing = active.map((fn) => fn.function_id).filter((id) => !listed.has(id));
      await archiveFunctions(tx, envId, missing);
      await bumpRevision(tx);
      return { kind: 'changed', functions: saved };
    });
  }

  async recordAppError(id: AppId, error: { code: string; message: string } | undefined, at: EpochMs): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      await lockRegistry(tx);
      const { numUpdatedRows } = await tx
        .updateTable('apps')
        .set({
          error_code: storableText(error?.code),
          error_message: storableText(error?.message),
          synced_at: at,
        })
        .where('app_id', '=', id)
        .executeTakeFirst();
      if (numUpdatedRows > 0n) await bumpRevision(tx);
    });
  }

  async listApps(envId: EnvId): Promise<AppRecord[]> {
    const rows = await this.#db.selectFrom('apps').selectAll().where('env_id', '=', envId).orderBy('name').execute();
    return rows.map(appOfRow);
  }

  removeApp(envId: EnvId, url: string): Promise<boolean> {
    return this.#db.transaction().execute(async (tx) => {
      await lockRegistry(tx);
      const isKnown = (await forgetAppsAt(tx, { envId, url })) > 0;
      if (isKnown) await bumpRevision(tx);
      return isKnown;
    });
  }

  addFunction(app: AppRecord, fn: SyncedFunction): Promise<FunctionDefinition> {
    const { envId, id: appId } = app;
    return this.#db.transaction().execute(async (tx) => {
      await lockRegistry(tx);
      const known = (await listStoredFunctions(tx, { envId, appId })).find((stored) => stored.function_id === fn.id);
      const hasApp = (await findApp(tx, envId, appId)) !== undefined;
      if (!hasApp) await upsertApp(tx, app);
      const saved = await saveFunction(tx, fn, known);
      const isSame = hasApp && known !== undefined && known.archived_at === null && known.version === saved.version;
      if (!isSame) await bumpRevision(tx);
      return saved;
    });
  }

  setFunctionState(envId: EnvId, functionId: FunctionId, state: 'active' | HeldState): Promise<boolean> {
    return this.#db.transaction().execute(async (tx) => {
      await lockRegistry(tx);
      const { numUpdatedRows } = await tx
        .updateTable('functions')
        .set({ state: state === 'active' ? null : state })
        .where('env_id', '=', envId)
        .where('function_id', '=', functionId)
        .executeTakeFirst();
      if (numUpdatedRows > 0n) await bumpRevision(tx);
      return numUpdatedRows > 0n;
    });
  }

  overrideLimits(
    envId: EnvId,
    functionId: FunctionId,
    limits: LimitOverrides | undefined,
  ): Promise<number | undefined> {
    return this.#db.transaction().execute(async (tx) => {
      await lockRegistry(tx);
      const stored = await tx
        .selectFrom('functions')
        .select(['overrides', 'overrides_revision'])
        .where('env_id', '=', envId)
        .where('function_id', '=', functionId)
        .executeTakeFirst();
      if (stored === undefined) return undefined;
      const overrides = limits === undefined ? null : canonicalJson(limits);
      const known = stored.overrides === null ? null : canonicalJson(JSON.parse(stored.overrides));
      if (overrides === known) return stored.overrides_revision ?? 0;
      const revision = (stored.overrides_revision ?? 0) + 1;
      await tx
        .updateTable('functions')
        .set({ overrides, overrides_revision: revision })
        .where('env_id', '=', envId)
        .where('function_id', '=', functionId)
        .execute();
      await bumpRevision(tx);
      return revision;
    });
  }

  async listFunctions(envId: EnvId): ReturnType<Registry['listFunctions']> {
    const stored = await listStoredFunctions(this.#db, { envId });
    return {
      active: stored.filter((fn) => fn.archived_at === null).map(definitionOf),
      archived: stored.filter((fn) => fn.archived_at !== null).map(definitionOf),
      held: new Map(stored.flatMap((fn) => (fn.state === null ? [] : [[fn.function_id, fn.state]]))),
      overrides: new Map(stored.flatMap(overridesOf)),
    };
  }

  async revision(): Promise<number> {
    const { revision } = await this.#db.selectFrom('registry_revision').select('revision').executeTakeFirstOrThrow();
    return revision;
  }
}

/** The same payload from the same URL, and no failure to clear. */
function isSaved(app: AppRecord, stored: AppRow | undefined): boolean {
  return (
    stored !== undefined &&
    stored.checksum === app.checksum &&
    stored.url === app.url &&
    stored.error_code === null &&
    app.error === undefined
  );
}
