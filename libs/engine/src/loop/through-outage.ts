import { PerdureError } from '@perdure/domain';
import type { Logger } from '@perdure/telemetry';
import { pause } from './pause.ts';

const PAUSE_FIRST_MS = 100;
const PAUSE_MAX_MS = 3_000;
/** Failures of a service as a whole, which say nothing about what was asked of it. */
const OUTAGE_CODES = new Set(['STORE_FULL', 'DISK_FULL', 'STREAM_WRITE_FAILED']);

/** Whether the service is to blame and not what was asked of it: then asking again later is all that helps. */
export function isOutage(error: unknown): boolean {
  return error instanceof PerdureError && (error.code.endsWith('_UNAVAILABLE') || OUTAGE_CODES.has(error.code));
}

/**
 * Does `act`, again and again while a service that it needs is away, so that an outage costs nothing an attempt. Throws
 * what else fails, and the outage once `signal` has aborted.
 */
export async function throughOutage<T>(
  act: () => Promise<T>,
  { what, log, signal }: { what: string; log: Logger; signal: AbortSignal },
): Promise<T> {
  for (let pauseMs = PAUSE_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)) {
    try {
      return await act();
    } catch (error) {
      if (signal.aborted || !isOutage(error)) throw error;
      if (pauseMs === PAUSE_FIRST_MS || pauseMs === PAUSE_MAX_MS)
        log.warn('a service is away: waiting for it', { what, error });
      await pause(pauseMs, signal);
    }
  }
}
