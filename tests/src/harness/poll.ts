const FIRST_PAUSE_MS = 10;
const PAUSE_MS_MAX = 200;
/** What a killed process had taken from the stream comes again after half a minute. */
const WAIT_MS_DEFAULT = 45_000;

/**
 * Asks `look` until it answers something, first often, then five times a second: the way to watch a black box. Fails
 * after `waitMs` with `what` and, when `describe` is given, what was seen last.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  { waitMs = WAIT_MS_DEFAULT, describe }: { waitMs?: number; describe?: () => string } = {},
): Promise<T> {
  const deadline = performance.now() + waitMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, PAUSE_MS_MAX)) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) {
      throw new Error(`waited ${waitMs} ms for ${what}${describe === undefined ? '' : `; last seen: ${describe()}`}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
