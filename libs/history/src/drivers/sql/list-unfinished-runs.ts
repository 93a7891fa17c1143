import type { EpochMs } from '@perdure/domain';
import { sql, type Kysely } from 'kysely';

import type { RunHistory, UnfinishedRuns } from '../../history.ts';
import { runOfRow } from './run-rows.ts';
import type { RunRow, Tables } from './tables.ts';

export interface UnfinishedRunsQuery {
  olderThan: EpochMs;
  cursor?: string;
  runsMax: number;
}

/** A page along the index `runs_unfinished`, whose condition this one repeats word by word. */
export async function listUnfinishedRuns(db: Kysely<Tables>, query: UnfinishedRunsQuery): Promise<UnfinishedRuns> {
  const { olderThan, cursor, runsMax } = query;
  const after = cursor === undefined ? sql`true` : sql`(scheduled_at, run_id) > (${sql.join(placeOf(cursor))})`;
  const { rows } = await sql<RunRow>`
    select * from runs
    where status in ('Scheduled', 'Running') and scheduled_at is not null
      and scheduled_at < ${olderThan} and ${after}
    order by scheduled_at, run_id limit ${runsMax}`.execute(db);
  const runs = rows.map(runOfRow).filter((run) => run !== undefined);
  const last = runs.at(-1);
  return rows.length < runsMax || last === undefined ? { runs } : { runs, cursor: cursorAt(last) };
}

function cursorAt({ scheduledAt, runId }: RunHistory): string {
  return `${scheduledAt}:${runId}`;
}

function placeOf(cursor: string): [scheduledAt: number, runId: string] {
  const [scheduledAt = '', ...runId] = cursor.split(':');
  return [Number(scheduledAt), runId.join(':')];
}
