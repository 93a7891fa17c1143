import { checkFreeSpace, lockFolder, sqliteFolderError, type FolderLock } from '@perdure/data-folder';
import { assert, type Clock } from '@perdure/domain';

import { EventStreamError } from '../../event-stream-error.ts';
import type { Delivery, EventStream, StreamMessage } from '../../event-stream.ts';
import { CommitLoop, type Commitable } from './commit-loop.ts';
import { ConsumerGroup } from './consumer-group.ts';
import { DedupIndex } from './dedup-index.ts';
import { StreamFile } from './stream-file.ts';
import { StreamLog, type Append } from './stream-log.ts';
import type { StreamTables } from './stream-tables.ts';

/** A receipt is checked, matched and scheduled within milliseconds: this long only when its process hangs. */
const ACK_WAIT_MS_DEFAULT = 30_000;
/** execution.md 2.1. */
const DEDUP_WINDOW_MS_DEFAULT = 120_000;
/** Acknowledgements share the next append's commit; without one they wait this long. A lost one only redelivers. */
const LAZY_COMMIT_MS = 100;
const LAZY_RETRY_MS = 1_000;
/** Longer ones would spread over several pages each. */
const ID_CHARS_MAX = 600;

export interface EmbeddedEventStreamOptions {
  /** A folder of its own; created when there is none. */
  path: string;
  clock: Clock;
  /** How long a pulled message may stay unacknowledged: 30 s. */
  ackWaitMs?: number;
  /** How long an ID is remembered at least: 2 minutes. */
  dedupWindowMs?: number;
}

/**
 * The event stream of one process, in an SQLite file (architecture.md 1).
 *
 * Throws a `DataFolderError` (FOLDER_LOCKED, FOLDER_CORRUPT, FOLDER_NOT_WRITABLE, DISK_FULL) when the folder cannot be
 * used. Later a full disk makes `append` fail with DISK_FULL until there is space again.
 */
export async function openEmbeddedEventStream(options: EmbeddedEventStreamOptions): Promise<EventStream> {
  const lock = lockFolder(options.path);
  try {
    await checkFreeSpace(options.path);
    return await openFile(options, lock);
  } catch (error) {
    lock.release();
    throw sqliteFolderError(options.path, error) ?? error;
  }
}

async function openFile(options: EmbeddedEventStreamOptions, lock: FolderLock): Promise<EventStream> {
  const file = await StreamFile.open(options.path);
  try {
    return new EmbeddedEventStream(options, lock, file);
  } catch (error) {
    await file.close();
    throw error;
  }
}

type WaitingAppend = Append & Commitable;

/**
 * Modes: open, closed. Every write goes through one commit at a time: a transaction on this thread, which does not wait
 * for the disk, and a flush on another one.
 *
 * 1. A group is on the disk before it is given anything, so that no message is dropped that it has not acknowledged.
 * 2. A change of a group that nobody waits for is on the disk with the next commit, at most `LAZY_COMMIT_MS` later, and
 *    in any case when the stream is closed.
 */
class EmbeddedEventStream implements EventStream {
  readonly #clock: Clock;
  readonly #ackWaitMs: number;
  readonly #lock: FolderLock;
  readonly #file: StreamFile;
  readonly #tables: StreamTables;
  readonly #log: StreamLog;
  readonly #commits = new CommitLoop<WaitingAppend>((appends) => this.#commit(appends));
  readonly #groups = new Map<string, ConsumerGroup>();
  readonly #newGroups = new Map<string, Promise<ConsumerGroup>>();
  #cancelLazyCommit: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: EmbeddedEventStreamOptions, lock: FolderLock, file: StreamFile) {
    const { path, clock, ackWaitMs = ACK_WAIT_MS_DEFAULT, dedupWindowMs = DEDUP_WINDOW_MS_DEFAULT } = options;
    this.#clock = clock;
    this.#ackWaitMs = ackWaitMs;
    this.#lock = lock;
    this.#file = file;
    this.#tables = file.tables;
    this.#log = new StreamLog({ path, file, dedup: new DedupIndex(file.tables, dedupWindowMs, clock.now()) });
    for (const name of file.tables.groups()) this.#groups.set(name, this.#openGroup(name));
  }

  async append(messages: StreamMessage[]): Promise<{ appended: number; duplicates: number }> {
    this.#assertOpen();
    for (const { id } of messages) {
      assert(id.length > 0 && id.length <= ID_CHARS_MAX, `a message ID has 1 to ${ID_CHARS_MAX} characters`, { id });
    }
    const { appended, duplicates } = await this.#commitWith(messages);
    return { appended, duplicates };
  }

  async pull(name: string, messagesMax: number, signal: AbortSignal): Promise<Delivery[]> {
    this.#assertOpen();
    assert(messagesMax > 0, 'a pull takes at least one message', { messagesMax });
    const group = await this.#knownGroup(name);
    if (signal.aborted || this.#closing !== undefined) return [];
    const deliveries = group.take(this.#log.committedSeq, messagesMax);
    this.#commitLater(LAZY_COMMIT_MS);
    if (deliveries.length > 0) return deliveries;
    const pulled = group.waiters.wait(messagesMax, signal);
    this.#serve(group);
    return pulled;
  }

  async ack(name: string, seqs: number[]): Promise<void> {
    this.#assertOpen();
    const group = await this.#knownGroup(name);
    for (const seq of seqs) group.ack(seq);
    this.#commitLater(LAZY_COMMIT_MS);
  }

  async putBack(name: string, seq: number, delayMs: number, reason: string): Promise<void> {
    this.#assertOpen();
    const group = await this.#knownGroup(name);
    if (!group.putBack(seq, delayMs, reason)) return;
    this.#serve(group);
    await this.#commitWith([]);
  }

  async readDeadLetters(name: string, messagesMax: number): Promise<(Delivery & { reason: string })[]> {
    this.#assertOpen();
    // Those given up on by now are on the disk then.
    await this.#commitWith([]);
    return this.#tables.deadLettersOf(name, messagesMax);
  }

  async lag(name: string): Promise<number> {
    this.#assertOpen();
    return this.#log.storedCount - (this.#groups.get(name)?.ackedCount ?? 0);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #commitWith(messages: StreamMessage[]): Promise<Append> {
    let bytes = 0;
    for (const { body } of messages) bytes += body.length;
    return new Promise((resolve, reject) => {
      const append: WaitingAppend = {
        messages,
        bytes,
        appended: 0,
        duplicates: 0,
        resolve: () => resolve(append),
        reject,
      };
      this.#commits.add(append);
    });
  }

  async #commit(appends: Append[]): Promise<void> {
    this.#cancelLazyCommit?.();
    this.#cancelLazyCommit = undefined;
    await this.#log.commit(appends, [...this.#groups.values()], this.#clock.now());
    for (const group of this.#groups.values()) this.#serve(group);
  }

  /** Sees to it that changes of groups reach the disk, when there are any and nobody else does. */
  #commitLater(delayMs: number): void {
    if (this.#cancelLazyCommit !== undefined || this.#closing !== undefined) return;
    if (![...this.#groups.values()].some((group) => group.hasChanges)) return;
    this.#cancelLazyCommit = this.#clock.schedule(this.#clock.now() + delayMs, () => {
      this.#cancelLazyCommit = undefined;
      this.#commitWith([]).catch(() => this.#commitLater(LAZY_RETRY_MS));
    });
  }

  /** Gives pulls that wait what there is for them, now and when the next message is due again. */
  #serve(group: ConsumerGroup): void {
    group.waiters.serve((messagesMax) => group.take(this.#log.committedSeq, messagesMax));
    group.waiters.serveAt(group.nextDueAt(), () => this.#serve(group));
    this.#commitLater(LAZY_COMMIT_MS);
  }

  #knownGroup(name: string): ConsumerGroup | Promise<ConsumerGroup> {
    const known = this.#groups.get(name);
    // A group whose first commit is still under way is in both maps.
    const registering = this.#newGroups.get(name);
    return registering ?? known ?? this.#register(name);
  }

  #register(name: string): Promise<ConsumerGroup> {
    const group = this.#openGroup(name);
    this.#groups.set(name, group);
    const registering = this.#commitWith([]).then(
      () => group,
      (error: unknown) => {
        this.#groups.delete(name);
        throw error;
      },
    );
    const settled = registering.finally(() => this.#newGroups.delete(name));
    this.#newGroups.set(name, settled);
    return settled;
  }

  #openGroup(name: string): ConsumerGroup {
    return new ConsumerGroup(name, { tables: this.#tables, clock: this.#clock, ackWaitMs: this.#ackWaitMs });
  }

  async #close(): Promise<void> {
    this.#cancelLazyCommit?.();
    for (const group of this.#groups.values()) group.waiters.close();
    try {
      await this.#commitWith([]);
      await this.#commits.idle();
    } finally {
      await this.#file.close().finally(() => this.#lock.release());
    }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new EventStreamError('STREAM_CLOSED', 'the event stream is closed');
  }
}
