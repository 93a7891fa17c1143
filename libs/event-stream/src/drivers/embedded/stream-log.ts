import { diskFullError, sqliteFolderError } from '@perdure/data-folder';
import type { EpochMs } from '@perdure/domain';

import { EventStreamError } from '../../event-stream-error.ts';
import type { StreamMessage } from '../../event-stream.ts';
import type { ConsumerGroup, GroupChanges } from './consumer-group.ts';
import type { DedupIndex } from './dedup-index.ts';
import type { StreamFile } from './stream-file.ts';
import type { StreamTables } from './stream-tables.ts';

/** Messages of one call of `append`; the counts are filled in when the commit is put together. */
export interface Append {
  messages: StreamMessage[];
  appended: number;
  duplicates: number;
}

/** The newest message, and how many there are that some group has not acknowledged. */
interface Extent {
  lastSeq: number;
  messages: number;
}

/**
 * What is on the disk. `commit` must not be called again before it has settled.
 *
 * 1. `seq` has no gaps: it is given out while a transaction is put together, and given out again when that failed.
 * 2. A message stays until every known group has acknowledged it, and is deleted in the commit of the last of these
 *    acknowledgements: what is found when the folder is opened is still to be delivered to somebody.
 * 3. A commit that was written and could not be flushed counts for nothing, until a later flush has it as well:
 *    its messages are not delivered, its acknowledgements are written again, its IDs are known and answered after a flush.
 */
export class StreamLog {
  readonly #path: string;
  readonly #file: StreamFile;
  readonly #tables: StreamTables;
  readonly #dedup: DedupIndex;
  #written: Extent;
  #flushed: Extent;

  constructor({ path, file, dedup }: { path: string; file: StreamFile; dedup: DedupIndex }) {
    this.#path = path;
    this.#file = file;
    this.#tables = file.tables;
    this.#dedup = dedup;
    this.#written = {
      lastSeq: file.tables.findFact('lastSeq') ?? 0,
      messages: file.tables.findFact('messages') ?? 0,
    };
    this.#flushed = this.#written;
  }

  /** The newest message that is on the disk. */
  get committedSeq(): number {
    return this.#flushed.lastSeq;
  }

  /** Messages that some group has not acknowledged. */
  get storedCount(): number {
    return this.#flushed.messages;
  }

  /** Stores new messages and the changes of the groups: all of it, on the disk, or nothing. */
  async commit(appends: Append[], groups: ConsumerGroup[], now: EpochMs): Promise<void> {
    const changes = groups.filter((group) => group.hasChanges).map((group) => ({ group, ...group.changes() }));
    const dropped = findDropped(groups, changes);
    try {
      const fresh = this.#findFresh(appends);
      if (fresh.size > 0 || changes.length > 0) this.#write({ fresh, changes, dropped, groups, now });
      await this.#file.flush();
    } catch (error) {
      throw await explain(this.#path, error);
    }
    this.#flushed = this.#written;
    for (const change of changes) change.group.saved(change);
    for (const group of groups) for (const seq of dropped) group.forget(seq);
  }

  #findFresh(appends: Append[]): Map<string, StreamMessage> {
    const fresh = new Map<string, StreamMessage>();
    for (const append of appends) {
      for (const message of append.messages) {
        const isDuplicate = fresh.has(message.id) || this.#dedup.has(message.id);
        if (isDuplicate) append.duplicates++;
        else fresh.set(message.id, message);
      }
      append.appended = append.messages.length - append.duplicates;
    }
    return fresh;
  }

  #write({ fresh, changes, dropped, groups, now }: Transaction): void {
    const generation = this.#dedup.generationAt(now);
    this.#written = this.#file.write(() => {
      const lastSeq = this.#writeMessages([...fresh.values()], now);
      for (const change of changes) this.#writeChanges(change, dropped);
      let removed = 0;
      for (const seq of dropped) if (this.#drop(seq, groups)) removed++;
      this.#dedup.write(fresh.keys(), generation);
      return this.#writeExtent({ lastSeq, messages: this.#written.messages + fresh.size - removed });
    });
    this.#dedup.committed(generation);
  }

  /** Answers the `seq` of the last one. */
  #writeMessages(messages: StreamMessage[], appendedAt: EpochMs): number {
    let seq = this.#written.lastSeq;
    for (const { id, body } of messages) this.#tables.putMessage({ seq: ++seq, id, body, appendedAt });
    return seq;
  }

  #writeExtent(extent: Extent): Extent {
    if (extent.lastSeq !== this.#written.lastSeq) this.#tables.putFact('lastSeq', extent.lastSeq);
    if (extent.messages !== this.#written.messages) this.#tables.putFact('messages', extent.messages);
    return extent;
  }

  #writeChanges({ group: { name }, cursor, acks, attempts, deadLetters }: Change, dropped: Set<number>): void {
    this.#tables.putCursor(name, cursor);
    for (const seq of acks) if (!dropped.has(seq)) this.#tables.putAck(name, seq);
    for (const [seq, value] of attempts) this.#tables.putAttempts(name, seq, value);
    for (const [seq, value] of deadLetters) this.#tables.putDeadLetter(name, seq, value);
  }

  /** Whether it was there. */
  #drop(seq: number, groups: ConsumerGroup[]): boolean {
    for (const group of groups) {
      if (groups.length > 1) this.#tables.removeAck(group.name, seq);
      if (group.hasAttempts(seq)) this.#tables.removeAttempts(group.name, seq);
    }
    return this.#tables.removeMessage(seq);
  }
}

type Change = GroupChanges & { group: ConsumerGroup };

interface Transaction {
  fresh: Map<string, StreamMessage>;
  changes: Change[];
  dropped: Set<number>;
  groups: ConsumerGroup[];
  now: EpochMs;
}

/** Messages whose last missing acknowledgement is among the changes. */
function findDropped(groups: ConsumerGroup[], changes: Change[]): Set<number> {
  const acked = changes.flatMap(({ acks }) => acks);
  return new Set(acked.filter((seq) => groups.every((group) => group.hasAcked(seq))));
}

async function explain(path: string, cause: unknown): Promise<Error> {
  const ofFolder = sqliteFolderError(path, cause) ?? (await diskFullError(path, cause));
  if (ofFolder !== undefined) return ofFolder;
  const what = cause instanceof Error ? cause.message : String(cause);
  const message = `the event stream in ${path} could not be written: ${what}`;
  return new EventStreamError('STREAM_WRITE_FAILED', message, { path, cause });
}
