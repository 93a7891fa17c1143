import { BackgroundLoop } from '../loop/background-loop.ts';
import type { Ports } from '../ports.ts';

/** Keys or rows dropped by one operation. */
const DROPPED_MAX = 500;
/** Pause when there is nothing left to drop. */
const IDLE_MS = 10_000;
/** Pause between two bounded portions of a long clean-up, so that it never holds up work. */
const BUSY_MS = 20;

/** A loop that drops something, a bounded portion at a time. */
export function housekeepingLoop(
  ports: Ports,
  name: string,
  drop: (atMost: number) => Promise<number>,
): BackgroundLoop {
  const pass = async (): Promise<number> => ((await drop(DROPPED_MAX)) >= DROPPED_MAX ? BUSY_MS : IDLE_MS);
  return new BackgroundLoop({ name, log: ports.log, pass });
}
