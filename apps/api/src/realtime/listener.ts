/** Bytes that may wait for a subscriber that reads slowly; whoever lags further behind is disconnected. */
export const UNREAD_BYTES_MAX = 8 * 1024 * 1024;
/** How often a connection is shown to be alive. */
export const KEEP_ALIVE_MS = 15_000;
/** After a connection was told why it ends, it has so much time to take notice. */
export const CLOSE_GRACE_MS = 2_000;

export const TOO_SLOW = 'the subscriber reads too slowly';
export const STOPPING = 'the server is stopping';

/** One who listens, by whatever connection. */
export interface Listener {
  /** Resolves when nothing is left of the connection. */
  readonly ended: Promise<void>;
  /** Called every `KEEP_ALIVE_MS`. */
  keepAlive(): void;
  /** Tells why, and ends the connection; by force after `CLOSE_GRACE_MS`. Repeating changes nothing. */
  close(reason: string): void;
}
