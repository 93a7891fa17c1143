import type { StreamMessage } from '@perdure/event-stream';
import type { HistoryBatch } from '@perdure/history';

/** What history is told through the stream; events are read from their own messages. */
export type Records = Omit<HistoryBatch, 'events'>;

/** `id` is the same for a repeat of the same records. */
export function recordsMessage(id: string, records: Records): StreamMessage {
  return { id: `records:${id}`, topic: 'records', body: JSON.stringify(records) };
}

/** The records of a message that `recordsMessage` made. */
export function parseRecords(body: string): Records {
  return JSON.parse(body) as Records;
}
