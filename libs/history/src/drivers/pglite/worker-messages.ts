/** What the worker is started with. */
export interface WorkerStart {
  /** The database's folder; without one it is in memory. */
  folder?: string;
  /** A migrated, cleanly closed database folder to copy when `folder` does not exist yet. */
  templateFolder?: string;
  /** The same as a tar file, for a database in memory. */
  templateTar?: string;
}

export type WorkerRequest = { id: number; sql: string; parameters: readonly unknown[] } | 'close';

export type WorkerReply =
  | { kind: 'opened' }
  | { kind: 'open-failed'; message: string }
  | { kind: 'result'; id: number; rows: unknown[]; affectedRows: number }
  | { kind: 'failure'; id: number; message: string; code: string | undefined };
