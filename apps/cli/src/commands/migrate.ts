import { migrateHistory } from '@perdure/boot';
import { buildLogConfig, type OptionValues } from '@perdure/config';
import { PerdureError } from '@perdure/domain';
import { createLogger } from '@perdure/telemetry';

/** Migrates the database and says what was done. Answers the exit status. */
export async function migrate(url: string, values: OptionValues): Promise<number> {
  const log = createLogger(buildLogConfig(values, process.stdout.isTTY));
  try {
    const migrations = await migrateHistory({ url, onWaiting: (reason) => log.info(reason) });
    if (migrations.length === 0) log.info('the tables of Postgres were up to date');
    else log.info('the tables of Postgres are up to date now', { migrations: migrations.join(' ') });
    return 0;
  } catch (error) {
    if (!(error instanceof PerdureError)) throw error;
    console.error(`Error: ${error.message}`);
    return 1;
  }
}
