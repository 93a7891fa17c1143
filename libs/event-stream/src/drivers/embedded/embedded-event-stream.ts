import { checkFreeSpace, lockFolder, sqliteFolderError, type FolderLock } from '@perdure/data-folder';
import { assert, type Clock, type EpochMs } from '@perdure/domain';

import { assertMessages } from '../../assert-messages.ts';
import { EventStreamError } from '../../event-stream-error.ts';
import {
  GROUP_NAMES,
  type DeadLetter,
  type Delivery,
  type EventStream,
  type GroupName,
  type StreamedMessage,
  type StreamMessage,
  type StreamTopic,
} from '../../event-stream.ts';
import { CommitLoop, type Commitable } from './commit-loop.ts';
import { ANSWER_BYTES_MAX, ConsumerGroup } from './consumer-group.ts';
import { DedupIndex } from './dedup-index.ts';
import { MessageTail } from './message-tail.ts';
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
 * A change of a group that nobody waits for is on the disk with the next commit, at most `LAZY_COMMIT_MS` later, and
 * in any case when the stream is closed.
 */
class EmbeddedEventStream implements EventStream {
  readonly #clock: Clock;
  readonly #lock: FolderLock;
  readonly #file: StreamFile;
  readonly #tables: StreamTables;
  readonly #log: StreamLog;
  readonly #commits = new CommitLoop<WaitingAppend>((appends) => this.#commit(appends));
  readonly #groups: Record<GroupName, ConsumerGroup>;
  readonly #allGroups: ConsumerGroup[];
  #cancelLazyCommit: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: EmbeddedEventStreamOptions, lock: FolderLock, file: StreamFile) {
    const { path, clock, ackWaitMs = ACK_WAIT_MS_DEFAULT, dedupWindowMs = DEDUP_WINDOW_MS_DEFAULT } = options;
    this.#clock = clock;
    this.#lock = lock;
    this.#file = file;
    this.#tables = file.tables;
    const tail = new MessageTail(file.tables, file.tables.findFact('lastSeq') ?? 0);
    const dedup = new DedupIndex(file.tables, dedupWindowMs, clock.now());
    this.#log = new StreamLog({ path, file, dedup, tail });
    const settings = { tables: file.tables, tail, clock, ackWaitMs };
    this.#groups = {
      runner: new ConsumerGroup('runner', settings),
      recorder: new ConsumerGroup('recorder', settings),
    };
    this.#allGroups = GROUP_NAMES.map((name) => this.#groups[name]);
  }

  async append(messages: StreamMessage[]): Promise<{ appended: number; duplicates: number }> {
    this.#assertOpen();
    assertMessages(messages);
    const { appended, duplicates } = await this.#commitWith({ messages });
    return { appended, duplicates };
  }

  async pull(name: GroupName, messagesMax: number, signal: AbortSignal): Promise<Delivery[]> {
    this.#assertOpen();
    assert(messagesMax > 0, 'a pull takes at least one message', { messagesMax });
    if (signal.aborted) return [];
    const group = this.#groups[name];
    const deliveries = group.take(this.#log.committedSeq, messagesMax);
    this.#commitLater(LAZY_COMMIT_MS);
    if (deliveries.length > 0) return deliveries;
    const pulled = group.waiters.wait(messagesMax, signal);
    this.#serve(group);
    return pulled;
  }

  async ack(name: GroupName, seqs: number[]): Promise<void> {
    this.#assertOpen();
    for (const seq of seqs) this.#groups[name].ack(seq);
    this.#commitLater(LAZY_COMMIT_MS);
  }

  async extend(name: GroupName, seqs: number[]): Promise<void> {
    this.#assertOpen();
    const group = this.#groups[name];
    for (const seq of seqs) group.extend(seq);
    this.#serve(group);
  }

  async putBack(name: GroupName, seq: number, delayMs: number, reason: string): Promise<void> {
    this.#assertOpen();
    const group = this.#groups[name];
    if (!group.putBack(seq, delayMs, reason)) return;
    this.#serve(group);
    await this.#commitWith({});
  }

  async readDeadLetters(name: GroupName, messagesMax: number): Promise<DeadLetter[]> {
    this.#assertOpen();
    // Those given up on by now are on the disk then.
    await this.#commitWith({});
    return this.#tables.deadLettersOf(name, messagesMax);
  }

  retryDeadLetter(group: GroupName, seq: number): Promise<boolean> {
    return this.#takeLetter(group, seq, true);
  }

  dropDeadLetter(group: GroupName, seq: number): Promise<boolean> {
    return this.#takeLetter(group, seq, false);
  }

  async lag(name: GroupName): Promise<number> {
    this.#assertOpen();
    const { topics, ackedCount } = this.#groups[name];
    return topics.reduce((sum, topic) => sum + this.#log.storedCount(topic), -ackedCount);
  }

  async readSince(
    topic: StreamTopic,
    since: EpochMs,
    afterSeq: number,
    messagesMax: number,
  ): Promise<StreamedMessage[]> {
    this.#assertOpen();
    const found: StreamedMessage[] = [];
    let bytes = 0;
    for (const message of this.#tables.messagesSince(topic, since, afterSeq + 1, this.#log.committedSeq)) {
      found.push(message);
      bytes += message.body.length;
      if (found.length >= messagesMax || bytes >= ANSWER_BYTES_MAX) break;
    }
    return found;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #takeLetter(group: GroupName, seq: number, isRetried: boolean): Promise<boolean> {
    this.#assertOpen();
    const letter = { group, seq, isRetried, wasThere: false };
    await this.#commitWith({ letter });
    return letter.wasThere;
  }

  #commitWith({ messages = [], letter }: Partial<Pick<Append, 'messages' | 'letter'>>): Promise<Append> {
    let bytes = 0;
    for (const { body } of messages) bytes += body.length;
    return new Promise((resolve, reject) => {
      const append: WaitingAppend = {
        messages,
        bytes,
        appended: 0,
        duplicates: 0,
        ...(letter === undefined ? {} : { letter }),
        resolve: () => resolve(append),
        reject,
      };
      this.#commits.add(append);
    });
  }

  async #commit(appends: Append[]): Promise<void> {
    this.#cancelLazyCommit?.();
    this.#cancelLazyCommit = undefined;
    await this.#log.commit(appends, this.#allGroups, this.#clock.now());
    for (const group of this.#allGroups) this.#serve(group);
  }

  /** Sees to it that changes of groups reach the disk, when there are any and nobody else does. */
  #commitLater(delayMs: number): void {
    if (this.#cancelLazyCommit !== undefined || this.#closing !== undefined) return;
    if (!this.#allGroups.some((group) => group.hasChanges)) return;
    this.#cancelLazyCommit = this.#clock.schedule(this.#clock.now() + delayMs, () => {
      this.#cancelLazyCommit = undefined;
      this.#commitWith({}).catch(() => this.#commitLater(LAZY_RETRY_MS));
    });
  }

  /** Gives pulls that wait what there is for them, now and when the next message is due again. */
  #serve(group: ConsumerGroup): void {
    group.waiters.serve((messagesMax) => group.take(this.#log.committedSeq, messagesMax));
    group.waiters.serveAt(group.nextDueAt(), () => this.#serve(group));
    this.#commitLater(LAZY_COMMIT_MS);
  }

  async #close(): Promise<void> {
    this.#cancelLazyCommit?.();
    for (const group of this.#allGroups) group.waiters.close();
    try {
      await this.#commitWith({});
      await this.#commits.idle();
    } finally {
      await this.#file.close().finally(() => this.#lock.release());
    }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new EventStreamError('STREAM_CLOSED', 'the event stream is closed');
  }
}
