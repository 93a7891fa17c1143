/** Placeholder until the checks are complete. */
export function findBrokenInvariants(_dump: Record<string, unknown>): string[] {
  return [];
}
