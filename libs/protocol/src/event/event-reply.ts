import type { EventId } from '@perdure/domain';

/** The body of every answer of `/e/`: SDKs want `ids` and a numeric `status` in errors too (sdk-protocol.md 2.2). */
export interface EventReply {
  ids: EventId[];
  status: number;
  error?: string;
  /** What is wrong with the request, such as `[2].ts`. */
  field?: string;
}

export function eventReply(ids: EventId[]): EventReply {
  return { ids, status: 200 };
}

export function eventErrorReply(error: {
  status: number;
  message: string;
  ids?: EventId[];
  field?: string;
}): EventReply {
  const { status, message, ids = [], field } = error;
  return { ids, status, error: message, ...(field !== undefined && { field }) };
}
