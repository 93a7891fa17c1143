import type { AppId, EnvId, FunctionDefinition } from '@perdure/domain';
import { sql, type Kysely, type RawBuilder, type Transaction } from 'kysely';

import type { AppRecord, SyncedFunction } from '../../history.ts';
import { canonicalJson, rowOfApp, type StoredFunction } from './registry-rows.ts';
import type { AppRow, Tables } from './tables.ts';

type Tx = Transaction<Tables>;

/** The database's time: what decides nothing needs no clock passed in. */
const NOW: RawBuilder<number> = sql`(extract(epoch from clock_timestamp()) * 1000)::bigint`;

/** Until the transaction ends nobody else changes the registry. */
export async function lockRegistry(tx: Tx): Promise<void> {
  await tx.selectFrom('registry_revision').select('revision').forUpdate().execute();
}

export async function bumpRevision(tx: Tx): Promise<void> {
  await tx
    .updateTable('registry_revision')
    .set((row) => ({ revision: row('revision', '+', 1) }))
    .execute();
}

export function findApp(tx: Tx, envId: EnvId, appId: AppId): Promise<AppRow | undefined> {
  return tx.selectFrom('apps').selectAll().where('env_id', '=', envId).where('app_id', '=', appId).executeTakeFirst();
}

export async function upsertApp(tx: Tx, app: AppRecord): Promise<void> {
  const row = rowOfApp(app);
  await tx
    .insertInto('apps')
    .values(row)
    .onConflict((conflict) => conflict.columns(['env_id', 'app_id']).doUpdateSet(row))
    .execute();
}

/** Every function in its newest version, by slug. */
export function listStoredFunctions(
  db: Kysely<Tables>,
  { envId, appId }: { envId: EnvId; appId?: AppId },
): Promise<StoredFunction[]> {
  return db
    .selectFrom('functions as fn')
    .innerJoin('function_versions as stored', (join) =>
      join
        .onRef('stored.env_id', '=', 'fn.env_id')
        .onRef('stored.function_id', '=', 'fn.function_id')
        .onRef('stored.version', '=', 'fn.version'),
    )
    .select([
      'fn.function_id',
      'fn.version',
      'fn.archived_at',
      'fn.state',
      'fn.overrides',
      'fn.overrides_revision',
      'stored.definition',
    ])
    .where('fn.env_id', '=', envId)
    .$if(appId !== undefined, (select) => select.where('fn.app_id', '=', appId ?? ''))
    .orderBy('fn.slug')
    .execute();
}

/** Stores a listed function: with the next version when its configuration differs from `known`, and active again. */
export async function saveFunction(
  tx: Tx,
  fn: SyncedFunction,
  known: StoredFunction | undefined,
): Promise<FunctionDefinition> {
  const definition = canonicalJson(fn);
  const isSame = known !== undefined && canonicalJson(JSON.parse(known.definition)) === definition;
  const version = isSame ? known.version : await nextVersion(tx, fn);
  if (!isSame) {
    const row = { env_id: fn.envId, function_id: fn.id, version, definition, created_at: NOW };
    await tx.insertInto('function_versions').values(row).execute();
  }
  const facts = { app_id: fn.appId, slug: fn.slug, version, archived_at: null };
  await tx
    .insertInto('functions')
    .values({ env_id: fn.envId, function_id: fn.id, ...facts })
    .onConflict((conflict) => conflict.columns(['env_id', 'function_id']).doUpdateSet(facts))
    .execute();
  return { ...fn, version };
}

async function nextVersion(tx: Tx, fn: SyncedFunction): Promise<number> {
  const { newest } = await tx
    .selectFrom('function_versions')
    .select((row) => row.fn.max('version').as('newest'))
    .where('env_id', '=', fn.envId)
    .where('function_id', '=', fn.id)
    .executeTakeFirstOrThrow();
  return (newest ?? 0) + 1;
}

export async function archiveFunctions(tx: Tx, envId: EnvId, functionIds: string[]): Promise<void> {
  if (functionIds.length === 0) return;
  await tx
    .updateTable('functions')
    .set({ archived_at: NOW })
    .where('env_id', '=', envId)
    .where('function_id', 'in', functionIds)
    .where('archived_at', 'is', null)
    .execute();
}

/** Forgets the apps at this URL, but for `except`, and archives their functions. Answers how many there were. */
export async function forgetAppsAt(
  tx: Tx,
  { envId, url, except }: { envId: EnvId; url: string; except?: AppId },
): Promise<number> {
  const gone = await tx
    .deleteFrom('apps')
    .where('env_id', '=', envId)
    .where('url', '=', url)
    .$if(except !== undefined, (remove) => remove.where('app_id', '!=', except ?? ''))
    .returning('app_id')
    .execute();
  if (gone.length === 0) return 0;
  await tx
    .updateTable('functions')
    .set({ archived_at: NOW })
    .where('env_id', '=', envId)
    .where(
      'app_id',
      'in',
      gone.map((app) => app.app_id),
    )
    .where('archived_at', 'is', null)
    .execute();
  return gone.length;
}
