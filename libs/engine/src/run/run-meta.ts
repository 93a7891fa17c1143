import type { EventId } from '@perdure/domain';
import { parseTraceparent } from '@perdure/telemetry';

/** What a run carries through the store without the store reading it. */
export interface RunMeta {
  eventIds: EventId[];
  batchId?: string;
  cron?: string;
  originalRunId?: string;
  /** `traceparent` of what scheduled it, where that is traced. */
  trace?: string;
}

export function runMeta(meta: RunMeta): string {
  return JSON.stringify(meta);
}

export function parseRunMeta(text: string): RunMeta {
  return JSON.parse(text) as RunMeta;
}

/** What a line of the log about the run says of its trace, if it has one. */
export function traceFacts(meta: string): { traceId?: string } {
  if (!meta.includes('"trace"')) return {};
  const traceId = parseTraceparent(parseRunMeta(meta).trace)?.traceId;
  return traceId === undefined ? {} : { traceId };
}
