import { DatabaseSync, type StatementSync } from 'node:sqlite';

import { openLoggedDatabase } from '@perdure/data-folder';

import type { StreamMessage, StreamTopic } from '../../event-stream.ts';

export interface StoredMessage extends StreamMessage {
  appendedAt: number;
}

/** A message with its position in the stream. */
export interface LoggedMessage extends StoredMessage {
  seq: number;
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

/** `events` and `records`: how many messages of the topic are stored, so that nobody has to count them. */
export type Fact = 'lastSeq' | StreamTopic | 'dedupCurrent' | 'dedupSince';

/** Pages kept in memory, in KiB (a negative cache_size). */
const CACHE_KIB = 32 * 1024;

const SCHEMA_VERSION = 1;

const SCHEMA = `
  -- Messages that some group of their topic has not acknowledged.
  CREATE TABLE messages (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, body TEXT NOT NULL, appended_at REAL NOT NULL, topic TEXT NOT NULL
  ) STRICT;
  -- IDs seen lately, in two generations, see DedupIndex.
  CREATE TABLE ids_0 (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE ids_1 (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  -- Acknowledged by this group, while another group still keeps the message.
  CREATE TABLE acks (consumer TEXT, seq INTEGER, PRIMARY KEY (consumer, seq)) STRICT, WITHOUT ROWID;
  CREATE TABLE attempts (
    consumer TEXT, seq INTEGER, deliveries INTEGER NOT NULL, due_at REAL NOT NULL, PRIMARY KEY (consumer, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE dead_letters (
    consumer TEXT, seq INTEGER, id TEXT NOT NULL, body TEXT NOT NULL, appended_at REAL NOT NULL,
    deliveries INTEGER NOT NULL, reason TEXT NOT NULL, topic TEXT NOT NULL, PRIMARY KEY (consumer, seq)
  ) STRICT;
  -- By group: every message below this seq may have been delivered.
  CREATE TABLE cursors (consumer TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE facts (name TEXT PRIMARY KEY, value REAL NOT NULL) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** From the stream of one group, which knew no topics: the recorder starts at what is stored. */
const MIGRATION = `
  BEGIN IMMEDIATE;
  ALTER TABLE messages ADD COLUMN topic TEXT NOT NULL DEFAULT 'events';
  ALTER TABLE dead_letters ADD COLUMN topic TEXT NOT NULL DEFAULT 'events';
  UPDATE facts SET name = 'events' WHERE name = 'messages';
  PRAGMA user_version = ${SCHEMA_VERSION};
  COMMIT;
`;

type MessageRow = [seq: number, id: string, body: string, appendedAt: number, topic: StreamTopic];
type DeadLetterRow = [...MessageRow, deliveries: number, reason: string];

const MESSAGE_COLUMNS = 'seq, id, body, appended_at, topic';

/** Creates the file with empty tables; durable when this returns, but for its name. */
export function createStreamTables(file: string): void {
  const db = new DatabaseSync(file);
  try {
    db.exec(SCHEMA);
  } finally {
    db.close();
  }
}

/**
 * The tables of one stream in one SQLite file, of which this process is the only user. Writes happen inside `transact`.
 *
 * Write-ahead logging with synchronous = NORMAL: a commit is appended to the log without waiting for the disk; `Wal`
 * flushes the log and moves it into the database.
 */
export class StreamTables {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** The file was made by `createStreamTables`. */
  constructor(file: string) {
    this.#db = openLoggedDatabase(file, CACHE_KIB);
  }

  /** Brings a file of an older version to the schema of this one. */
  migrate(): void {
    if (this.#number('PRAGMA user_version') !== SCHEMA_VERSION) this.#db.exec(MIGRATION);
  }

  /** Commits what `write` does, or undoes it and throws what it or the commit threw. */
  transact<Result>(write: () => Result): Result {
    this.#run('BEGIN IMMEDIATE');
    try {
      const result = write();
      this.#run('COMMIT');
      return result;
    } catch (error) {
      // SQLite may have undone it already, on a full disk for one.
      if (this.#db.isTransaction) this.#run('ROLLBACK');
      throw error;
    }
  }

  // -------------------------------------------------------------------------------------------------------- messages

  putMessage({ seq, id, body, appendedAt, topic }: LoggedMessage): void {
    this.#run('INSERT INTO messages VALUES (?, ?, ?, ?, ?)', seq, id, body, appendedAt, topic);
  }

  findMessage(seq: number): LoggedMessage | undefined {
    const row = this.#get(`SELECT ${MESSAGE_COLUMNS} FROM messages WHERE seq = ?`, seq);
    return row === undefined ? undefined : messageOf(row as MessageRow);
  }

  findTopic(seq: number): StreamTopic | undefined {
    return this.#get('SELECT topic FROM messages WHERE seq = ?', seq)?.[0] as StreamTopic | undefined;
  }

  /** From `first` to `last`, in order, read one by one. */
  *messagesBetween(first: number, last: number): Generator<LoggedMessage> {
    const sql = `SELECT ${MESSAGE_COLUMNS} FROM messages WHERE seq BETWEEN ? AND ? ORDER BY seq`;
    for (const row of this.#statement(sql).iterate(first, last)) yield messageOf(row as unknown as MessageRow);
  }

  /** Of one topic, appended at or after `since`, in order, read one by one. */
  *messagesSince(topic: StreamTopic, since: number, first: number, last: number): Generator<LoggedMessage> {
    const sql = `
      SELECT ${MESSAGE_COLUMNS} FROM messages WHERE seq BETWEEN ? AND ? AND topic = ? AND appended_at >= ? ORDER BY seq`;
    const rows = this.#statement(sql).iterate(first, last, topic, since);
    for (const row of rows) yield messageOf(row as unknown as MessageRow);
  }

  /** Whether it was there. */
  removeMessage(seq: number): boolean {
    return this.#run('DELETE FROM messages WHERE seq = ?', seq) === 1;
  }

  // ------------------------------------------------------------------------------------------------------------- IDs

  /** In either generation. */
  hasId(id: string): boolean {
    const sql = 'SELECT 1 FROM ids_0 WHERE id = ?1 UNION ALL SELECT 1 FROM ids_1 WHERE id = ?1';
    return this.#get(sql, id) !== undefined;
  }

  putId(id: string, generation: 0 | 1): void {
    this.#run(`INSERT OR IGNORE INTO ids_${generation} VALUES (?)`, id);
  }

  clearIds(generation: 0 | 1): void {
    this.#run(`DELETE FROM ids_${generation}`);
  }

  // ---------------------------------------------------------------------------------------------------------- groups

  findCursor(group: string): number | undefined {
    return this.#number('SELECT seq FROM cursors WHERE consumer = ?', group);
  }

  putCursor(group: string, seq: number): void {
    this.#run('INSERT OR REPLACE INTO cursors VALUES (?, ?)', group, seq);
  }

  acksOf(group: string): number[] {
    return this.#all<[number]>('SELECT seq FROM acks WHERE consumer = ? ORDER BY seq', group).map(([seq]) => seq);
  }

  putAck(group: string, seq: number): void {
    this.#run('INSERT OR IGNORE INTO acks VALUES (?, ?)', group, seq);
  }

  removeAck(group: string, seq: number): void {
    this.#run('DELETE FROM acks WHERE consumer = ? AND seq = ?', group, seq);
  }

  attemptsOf(group: string): [seq: number, Attempts][] {
    const sql = 'SELECT seq, deliveries, due_at FROM attempts WHERE consumer = ? ORDER BY seq';
    return this.#all<[number, number, number]>(sql, group).map(([seq, deliveries, dueAt]) => [
      seq,
      { deliveries, dueAt },
    ]);
  }

  putAttempts(group: string, seq: number, { deliveries, dueAt }: Attempts): void {
    this.#run('INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?)', group, seq, deliveries, dueAt);
  }

  removeAttempts(group: string, seq: number): void {
    this.#run('DELETE FROM attempts WHERE consumer = ? AND seq = ?', group, seq);
  }

  putDeadLetter(group: string, seq: number, letter: DeadLetter): void {
    const { id, body, appendedAt, deliveryCount, reason, topic } = letter;
    const sql = 'INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?, ?, ?, ?)';
    this.#run(sql, group, seq, id, body, appendedAt, deliveryCount, reason, topic);
  }

  /** Oldest first. */
  deadLettersOf(group: string, lettersMax: number): (DeadLetter & LoggedMessage)[] {
    const sql = `
      SELECT ${MESSAGE_COLUMNS}, deliveries, reason FROM dead_letters WHERE consumer = ? ORDER BY seq LIMIT ?`;
    return this.#all<DeadLetterRow>(sql, group, lettersMax).map(
      ([seq, id, body, appendedAt, topic, deliveryCount, reason]) => ({
        ...messageOf([seq, id, body, appendedAt, topic]),
        deliveryCount,
        reason,
      }),
    );
  }

  findDeadLetter(group: string, seq: number): LoggedMessage | undefined {
    const row = this.#get(`SELECT ${MESSAGE_COLUMNS} FROM dead_letters WHERE consumer = ? AND seq = ?`, group, seq);
    return row === undefined ? undefined : messageOf(row as MessageRow);
  }

  removeDeadLetter(group: string, seq: number): void {
    this.#run('DELETE FROM dead_letters WHERE consumer = ? AND seq = ?', group, seq);
  }

  // ------------------------------------------------------------------------------------------- facts, the file itself

  findFact(name: Fact): number | undefined {
    return this.#number('SELECT value FROM facts WHERE name = ?', name);
  }

  putFact(name: Fact, value: number): void {
    this.#run('INSERT OR REPLACE INTO facts VALUES (?, ?)', name, value);
  }

  /** The first thing found to be wrong with the file, or undefined. Reads all of it. */
  findDamage(): string | undefined {
    const finding = String(this.#get('PRAGMA quick_check(1)')?.[0]);
    return finding === 'ok' ? undefined : finding;
  }

  /** Moves the log into the database, as far as that is possible without waiting. */
  checkpoint(): void {
    this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)');
  }

  /** Moves all of the log into the database, durably, and empties it. Throws when the checkpointer is at work. */
  moveWholeLog(): void {
    const isBusy = this.#number('PRAGMA wal_checkpoint(TRUNCATE)') !== 0;
    if (isBusy) throw new Error('the log is being moved into the database');
  }

  close(): void {
    this.#db.close();
  }

  /** Prepared once. Rows are arrays. */
  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      statement.setReturnArrays(true);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #get(sql: string, ...values: (string | number)[]): unknown[] | undefined {
    return this.#statement(sql).get(...values) as unknown as unknown[] | undefined;
  }

  /** The first column. */
  #number(sql: string, ...values: (string | number)[]): number | undefined {
    return this.#get(sql, ...values)?.[0] as number | undefined;
  }

  #all<Row>(sql: string, ...values: (string | number)[]): Row[] {
    return this.#statement(sql).all(...values) as unknown as Row[];
  }

  /** Answers how many rows changed. */
  #run(sql: string, ...values: (string | number)[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }
}

function messageOf([seq, id, body, appendedAt, topic]: MessageRow): LoggedMessage {
  return { seq, id, body, appendedAt, topic };
}
