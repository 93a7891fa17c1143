import { assert } from '@perdure/domain';

import type { StreamMessage } from './event-stream.ts';

/** An ID is a key of an index of SQLite and a header of NATS: both want it short. */
const ID_CHARS_MAX = 600;

/** Throws when a message could not be told from others by its ID, or not be given back as it was. */
export function assertMessages(messages: readonly StreamMessage[]): void {
  for (const { id, body } of messages) {
    assert(id.length > 0 && id.length <= ID_CHARS_MAX, `a message ID has 1 to ${ID_CHARS_MAX} characters`, { id });
    assert(id.isWellFormed() && body.isWellFormed(), 'half of a surrogate pair cannot be stored', { id });
  }
}
