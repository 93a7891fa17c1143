import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

/** How far two readings of the same start of the machine may be apart where it has no ID: clocks are set. */
const BOOT_TOLERANCE_MS = 120_000;

/** Names the present run of the operating system: its page cache survives the death of a process, but not its own. */
export function currentBoot(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Not Linux: the instant of the start has to do.
    return String(Math.round(Date.now() - uptime() * 1000));
  }
}

export function isSameBoot(one: string, other: string): boolean {
  return one === other || Math.abs(Number(one) - Number(other)) < BOOT_TOLERANCE_MS;
}
