import { open, type Database, type RootDatabase } from 'lmdb';

import type { StreamMessage } from '../../event-stream.ts';

export interface StoredMessage extends StreamMessage {
  appendedAt: number;
}

/** What a later process must know of a message that was delivered more than once. */
export interface Attempts {
  deliveries: number;
  /** 0, or when a message that was put back is due. */
  dueAt: number;
}

export interface DeadLetter extends StoredMessage {
  deliveryCount: number;
  reason: string;
}

/** Which of the two ID tables takes new IDs, and since when. */
export interface DedupGeneration {
  current: 0 | 1;
  since: number;
}

type GroupKey = [group: string, seq: number];

/** The LMDB tables of one folder. Each write goes through one `root.batch` at a time, see `CommitLoop`. */
export interface StreamTables {
  root: RootDatabase;
  /** Messages that some known group has not acknowledged, by seq. */
  messages: Database<Buffer, number>;
  /** IDs seen lately, in two generations, see `DedupIndex`. */
  ids: [Database<Buffer, string>, Database<Buffer, string>];
  /** Acknowledged by this group, while another group still keeps the message. */
  acks: Database<Buffer, GroupKey>;
  attempts: Database<Attempts, GroupKey>;
  deadLetters: Database<DeadLetter, GroupKey>;
  /** By group: every message below this seq may have been delivered. */
  cursors: Database<number, string>;
  facts: Database<number | DedupGeneration, 'lastSeq' | 'dedup'>;
}

/** The value where only the key tells something. */
export const NOTHING = Buffer.alloc(1);

export function openStreamTables(path: string): StreamTables {
  const root = open({
    path,
    maxDbs: 16,
    encoding: 'json',
    // A write is acknowledged when it is on the disk: with overlapping syncs it would be when others can read it.
    overlappingSync: false,
    // `CommitLoop` gathers what belongs together.
    eventTurnBatching: false,
  });
  const binary = { encoding: 'binary' } as const;
  const json = { encoding: 'json' } as const;
  return {
    root,
    messages: root.openDB<Buffer, number>('messages', binary),
    ids: [root.openDB<Buffer, string>('ids-0', binary), root.openDB<Buffer, string>('ids-1', binary)],
    acks: root.openDB<Buffer, GroupKey>('acks', binary),
    attempts: root.openDB<Attempts, GroupKey>('attempts', json),
    deadLetters: root.openDB<DeadLetter, GroupKey>('dead-letters', json),
    cursors: root.openDB<number, string>('cursors', json),
    facts: root.openDB<number | DedupGeneration, 'lastSeq' | 'dedup'>('facts', json),
  };
}

/** All keys of one group in a table whose keys begin with the group's name. */
export function rangeOfGroup(group: string): { start: GroupKey; end: GroupKey } {
  return { start: [group, 0], end: [group, Number.MAX_SAFE_INTEGER] };
}

const HEAD_BYTES = 10;

/** appendedAt (float64), bytes of the ID (uint16), ID, body: not JSON, because the body is large and mostly quotes. */
export function encodeMessage({ appendedAt, id, body }: StoredMessage): Buffer {
  const idBytes = Buffer.byteLength(id);
  const buffer = Buffer.allocUnsafe(HEAD_BYTES + idBytes + Buffer.byteLength(body));
  buffer.writeDoubleBE(appendedAt, 0);
  buffer.writeUInt16BE(idBytes, 8);
  buffer.write(id, HEAD_BYTES);
  buffer.write(body, HEAD_BYTES + idBytes);
  return buffer;
}

export function decodeMessage(buffer: Buffer): StoredMessage {
  const bodyAt = HEAD_BYTES + buffer.readUInt16BE(8);
  return {
    appendedAt: buffer.readDoubleBE(0),
    id: buffer.toString('utf8', HEAD_BYTES, bodyAt),
    body: buffer.toString('utf8', bodyAt),
  };
}
