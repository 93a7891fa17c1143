import type { EventId } from '@perdure/domain';

/** What a run carries through the store without the store reading it. */
export interface RunMeta {
  eventIds: EventId[];
  batchId?: string;
  cron?: string;
  originalRunId?: string;
}

export function runMeta(meta: RunMeta): string {
  return JSON.stringify(meta);
}

export function parseRunMeta(text: string): RunMeta {
  return JSON.parse(text) as RunMeta;
}
