/** The first releases of each major version that say with a header whether to retry. */
const FIRST_WITH_HEADER: Readonly<Record<number, readonly [minor: number, patch: number]>> = { 1: [10, 1], 2: [4, 1] };

/**
 * Whether this SDK means by a 4xx that no retry can help: old releases for npm, which know no header for it
 * (sdk-protocol.md 7.1). `sdk`: the value of `x-inngest-sdk`.
 */
export function meansFinalBy4xx(sdk: string): boolean {
  const version = /^(?:inngest-)?js:v(\d+)\.(\d+)\.(\d+)/.exec(sdk);
  if (version === null) return false;
  const [major = 0, minor = 0, patch = 0] = version.slice(1).map(Number);
  const first = FIRST_WITH_HEADER[major];
  if (first === undefined) return major === 0;
  const [firstMinor, firstPatch] = first;
  return minor < firstMinor || (minor === firstMinor && patch < firstPatch);
}
