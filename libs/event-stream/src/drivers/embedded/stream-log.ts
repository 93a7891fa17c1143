import { diskFullError } from '@perdure/data-folder';
import type { EpochMs } from '@perdure/domain';

import { EventStreamError } from '../../event-stream-error.ts';
import type { StreamMessage } from '../../event-stream.ts';
import type { ConsumerGroup, GroupChanges } from './consumer-group.ts';
import type { DedupIndex } from './dedup-index.ts';
import { encodeMessage, NOTHING, type StreamTables } from './stream-tables.ts';

/** Messages of one call of `append`; the counts are filled in when the commit is put together. */
export interface Append {
  messages: StreamMessage[];
  appended: number;
  duplicates: number;
}

/**
 * What is on the disk. `commit` must not be called again before it has settled.
 *
 * 1. `seq` has no gaps: it is given out while a commit is put together, and given out again when that commit failed.
 * 2. A message stays until every known group has acknowledged it, and is deleted in the commit of the last of these
 *    acknowledgements: what is found when the folder is opened is still to be delivered to somebody.
 */
export class StreamLog {
  readonly #path: string;
  readonly #tables: StreamTables;
  readonly #dedup: DedupIndex;
  #committedSeq: number;

  constructor({ path, tables, dedup }: { path: string; tables: StreamTables; dedup: DedupIndex }) {
    this.#path = path;
    this.#tables = tables;
    this.#dedup = dedup;
    this.#committedSeq = readLastSeq(tables);
  }

  /** The newest message that is on the disk. */
  get committedSeq(): number {
    return this.#committedSeq;
  }

  /** Messages that some group has not acknowledged. */
  get storedCount(): number {
    const { entryCount = 0 }: { entryCount?: number } = this.#tables.messages.getStats();
    return entryCount;
  }

  /** Stores new messages and the changes of the groups: all of it, on the disk, or nothing. */
  async commit(appends: Append[], groups: ConsumerGroup[], now: EpochMs): Promise<void> {
    const fresh = this.#findFresh(appends);
    const changes = groups.filter((group) => group.hasChanges).map((group) => ({ group, ...group.changes() }));
    if (fresh.size === 0 && changes.length === 0) return;
    const dropped = findDropped(groups, changes);
    const generation = this.#dedup.generationAt(now);
    await this.#inOneCommit(() => {
      this.#writeMessages([...fresh.values()], now);
      for (const change of changes) this.#writeChanges(change, dropped);
      for (const seq of dropped) this.#drop(seq, groups);
      this.#dedup.write(fresh.keys(), generation);
    });
    this.#committedSeq += fresh.size;
    this.#dedup.committed(generation);
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

  #writeMessages(messages: StreamMessage[], appendedAt: EpochMs): void {
    if (messages.length === 0) return;
    let seq = this.#committedSeq;
    for (const message of messages) {
      void this.#tables.messages.put(++seq, encodeMessage({ ...message, appendedAt }));
    }
    void this.#tables.facts.put('lastSeq', seq);
  }

  #writeChanges({ group: { name }, cursor, acks, attempts, deadLetters }: Change, dropped: Set<number>): void {
    void this.#tables.cursors.put(name, cursor);
    for (const seq of acks) if (!dropped.has(seq)) void this.#tables.acks.put([name, seq], NOTHING);
    for (const [seq, value] of attempts) void this.#tables.attempts.put([name, seq], value);
    for (const [seq, value] of deadLetters) void this.#tables.deadLetters.put([name, seq], value);
  }

  #drop(seq: number, groups: ConsumerGroup[]): void {
    void this.#tables.messages.remove(seq);
    for (const group of groups) {
      if (groups.length > 1) void this.#tables.acks.remove([group.name, seq]);
      if (group.hasAttempts(seq)) void this.#tables.attempts.remove([group.name, seq]);
    }
  }

  async #inOneCommit(write: () => void): Promise<void> {
    try {
      await this.#tables.root.batch(write);
    } catch (error) {
      // Whether it is stored is unknown; what is there then counts, and repeated messages are recognised.
      this.#committedSeq = readLastSeq(this.#tables);
      throw await explain(this.#path, error);
    }
  }
}

type Change = GroupChanges & { group: ConsumerGroup };

/** Messages whose last missing acknowledgement is among the changes. */
function findDropped(groups: ConsumerGroup[], changes: Change[]): Set<number> {
  const acked = changes.flatMap(({ acks }) => acks);
  return new Set(acked.filter((seq) => groups.every((group) => group.hasAcked(seq))));
}

function readLastSeq(tables: StreamTables): number {
  const stored = tables.facts.get('lastSeq');
  return typeof stored === 'number' ? stored : 0;
}

/** LMDB says of a commit that failed only that it did: the reason comes in a promise beside it. */
async function explain(path: string, error: unknown): Promise<Error> {
  const reason = error instanceof Error && 'commitError' in error ? error.commitError : undefined;
  const cause: unknown = await Promise.resolve(reason).catch((late: unknown) => late);
  const diskFull = await diskFullError(path, cause);
  if (diskFull !== undefined) return diskFull;
  const what = cause instanceof Error ? cause.message : String(error);
  const message = `the event stream in ${path} could not be written: ${what}`;
  return new EventStreamError('STREAM_WRITE_FAILED', message, { path, cause: cause ?? error });
}
