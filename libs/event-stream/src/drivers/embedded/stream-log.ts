import { diskFullError, sqliteFolderError } from '@perdure/data-folder';
import type { EpochMs } from '@perdure/domain';

import { EventStreamError } from '../../event-stream-error.ts';
import type { GroupName, StreamMessage, StreamTopic } from '../../event-stream.ts';
import type { ConsumerGroup, GroupChanges } from './consumer-group.ts';
import type { DedupIndex } from './dedup-index.ts';
import type { MessageTail } from './message-tail.ts';
import type { StreamFile } from './stream-file.ts';
import type { LoggedMessage, StreamTables } from './stream-tables.ts';

/** Messages of one call of `append`; the counts are filled in when the commit is put together. */
export interface Append {
  messages: StreamMessage[];
  appended: number;
  duplicates: number;
  letter?: LetterRemoval;
}

/** A dead letter that goes, or goes back into the stream; `wasThere` is filled in when the commit is put together. */
export interface LetterRemoval {
  group: GroupName;
  seq: number;
  isRetried: boolean;
  wasThere: boolean;
}

/** The newest message, and how many there are by topic that some group has not acknowledged. */
interface Extent extends Record<StreamTopic, number> {
  lastSeq: number;
}

/**
 * What is on the disk. `commit` must not be called again before it has settled.
 *
 * 1. `seq` has no gaps: it is given out while a transaction is put together, and given out again when that failed.
 * 2. A message stays until every group of its topic has acknowledged it, and is deleted in the commit of the last of these
 *    acknowledgements: what is found when the folder is opened is still to be delivered to somebody.
 * 3. A commit that was written and could not be flushed counts for nothing, until a later flush has it as well:
 *    its messages are not delivered, its acknowledgements are written again, its IDs are known and answered after a flush.
 */
export class StreamLog {
  readonly #path: string;
  readonly #file: StreamFile;
  readonly #tables: StreamTables;
  readonly #dedup: DedupIndex;
  readonly #tail: MessageTail;
  #written: Extent;
  #flushed: Extent;

  constructor({ path, file, dedup, tail }: LogParts) {
    this.#path = path;
    this.#file = file;
    this.#tables = file.tables;
    this.#dedup = dedup;
    this.#tail = tail;
    this.#written = {
      lastSeq: file.tables.findFact('lastSeq') ?? 0,
      events: file.tables.findFact('events') ?? 0,
      records: file.tables.findFact('records') ?? 0,
    };
    this.#flushed = this.#written;
  }

  /** The newest message that is on the disk. */
  get committedSeq(): number {
    return this.#flushed.lastSeq;
  }

  /** Messages of a topic that some group has not acknowledged. */
  storedCount(topic: StreamTopic): number {
    return this.#flushed[topic];
  }

  /** Stores new messages and the changes of the groups: all of it, on the disk, or nothing. */
  async commit(appends: Append[], groups: ConsumerGroup[], now: EpochMs): Promise<void> {
    const changes = groups.filter((group) => group.hasChanges).map((group) => ({ group, ...group.changes() }));
    const dropped = findDropped(groups, changes);
    try {
      const letters = this.#findLetters(appends);
      const fresh = [...this.#findFresh(appends), ...letters.filter(({ isRetried }) => isRetried)];
      if (fresh.length + changes.length + letters.length > 0) {
        this.#write({ fresh, changes, dropped, groups, letters, now });
      }
      await this.#file.flush();
    } catch (error) {
      throw await explain(this.#path, error);
    }
    this.#flushed = this.#written;
    for (const change of changes) change.group.saved(change);
    for (const group of groups) for (const seq of dropped.keys()) group.forget(seq);
  }

  #findFresh(appends: Append[]): StreamMessage[] {
    const fresh = new Map<string, StreamMessage>();
    for (const append of appends) {
      for (const message of append.messages) {
        const isDuplicate = fresh.has(message.id) || this.#dedup.has(message.id);
        if (isDuplicate) append.duplicates++;
        else fresh.set(message.id, message);
      }
      append.appended = append.messages.length - append.duplicates;
    }
    return [...fresh.values()];
  }

  /** Each once, however often it is asked for. */
  #findLetters(appends: Append[]): FoundLetter[] {
    const found = new Map<string, FoundLetter>();
    for (const { letter } of appends) {
      if (letter === undefined) continue;
      const { group, seq, isRetried } = letter;
      const key = `${group} ${seq}`;
      const message = found.has(key) ? undefined : this.#tables.findDeadLetter(group, seq);
      letter.wasThere = message !== undefined;
      if (message !== undefined) found.set(key, { ...message, group, isRetried });
    }
    return [...found.values()];
  }

  #write({ fresh, changes, dropped, groups, letters, now }: Transaction): void {
    const generation = this.#dedup.generationAt(now);
    const logged = fresh.map(({ id, topic, body }, index) => {
      return { seq: this.#written.lastSeq + 1 + index, id, topic, body, appendedAt: now };
    });
    this.#written = this.#file.write(() => {
      for (const message of logged) this.#tables.putMessage(message);
      for (const change of changes) this.#writeChanges(change, dropped);
      for (const { group, seq } of letters) this.#tables.removeDeadLetter(group, seq);
      const extent = { ...this.#written, lastSeq: this.#written.lastSeq + logged.length };
      for (const { topic } of logged) extent[topic]++;
      for (const [seq, topic] of dropped) if (this.#drop(seq, groups)) extent[topic]--;
      this.#dedup.write(
        fresh.map(({ id }) => id),
        generation,
      );
      return this.#writeExtent(extent);
    });
    this.#dedup.committed(generation);
    for (const message of logged) this.#tail.add(message);
    for (const seq of dropped.keys()) this.#tail.remove(seq);
  }

  #writeExtent(extent: Extent): Extent {
    for (const fact of ['lastSeq', 'events', 'records'] as const) {
      if (extent[fact] !== this.#written[fact]) this.#tables.putFact(fact, extent[fact]);
    }
    return extent;
  }

  #writeChanges({ group: { name }, cursor, acks, attempts, deadLetters }: Change, dropped: Dropped): void {
    this.#tables.putCursor(name, cursor);
    for (const [seq] of acks) if (!dropped.has(seq)) this.#tables.putAck(name, seq);
    for (const [seq, value] of attempts) this.#tables.putAttempts(name, seq, value);
    for (const [seq, value] of deadLetters) this.#tables.putDeadLetter(name, seq, value);
  }

  /** Whether it was there. */
  #drop(seq: number, groups: ConsumerGroup[]): boolean {
    for (const group of groups) {
      this.#tables.removeAck(group.name, seq);
      if (group.hasAttempts(seq)) this.#tables.removeAttempts(group.name, seq);
    }
    return this.#tables.removeMessage(seq);
  }
}

export interface LogParts {
  path: string;
  file: StreamFile;
  dedup: DedupIndex;
  tail: MessageTail;
}

type Change = GroupChanges & { group: ConsumerGroup };

type Dropped = Map<number, StreamTopic>;
type FoundLetter = LoggedMessage & Pick<LetterRemoval, 'group' | 'isRetried'>;

interface Transaction {
  fresh: StreamMessage[];
  changes: Change[];
  dropped: Dropped;
  groups: ConsumerGroup[];
  letters: FoundLetter[];
  now: EpochMs;
}

/** Messages whose last missing acknowledgement is among the changes. */
function findDropped(groups: ConsumerGroup[], changes: Change[]): Dropped {
  const acked = changes.flatMap(({ acks }) => acks);
  return new Map(acked.filter(([seq, topic]) => groups.every((group) => group.isDoneWith(seq, topic))));
}

async function explain(path: string, cause: unknown): Promise<Error> {
  const ofFolder = sqliteFolderError(path, cause) ?? (await diskFullError(path, cause));
  if (ofFolder !== undefined) return ofFolder;
  const what = cause instanceof Error ? cause.message : String(cause);
  const message = `the event stream in ${path} could not be written: ${what}`;
  return new EventStreamError('STREAM_WRITE_FAILED', message, { path, cause });
}
