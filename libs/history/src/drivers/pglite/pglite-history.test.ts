import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { afterAll, beforeAll, describe } from 'vitest';

import { describeHistory } from '../../history.contract.ts';
import { describeRegistry } from '../../registry.contract.ts';
import { emptyHistory } from '../empty-history.ts';
import type { Tables } from '../sql/tables.ts';
import { connectPglite } from './pglite-history.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure-history-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(['in a folder', 'in memory'])('%s', (where) => {
  let db: Kysely<Tables>;

  beforeAll(async () => {
    db = await connectPglite(where === 'in memory' ? {} : { path: join(folder, 'shared') });
  });

  afterAll(() => db.destroy());

  describeHistory('pglite', async () => (await emptyHistory(db)).history);
  describeRegistry('pglite', () => emptyHistory(db));
});
