/**
 * Every trigger pattern that matches an event of this name: the name itself, and for each `/` and `.` in it the part
 * up to there followed by `*` (execution.md 2.2). `app/user.created` gives itself, `app/*` and `app/user.*`.
 */
export function patternsMatching(eventName: string): string[] {
  const patterns = [eventName];
  for (let i = 0; i < eventName.length; i++) {
    const char = eventName[i];
    if (char === '/' || char === '.') patterns.push(`${eventName.slice(0, i + 1)}*`);
  }
  return patterns;
}

/** Whether a trigger may carry this name: a `*` only at the end, after `/` or `.` (PD-9). */
export function isTriggerPattern(pattern: string): boolean {
  const star = pattern.indexOf('*');
  if (star === -1) return true;
  return star === pattern.length - 1 && star > 0 && /[/.]/.test(pattern[star - 1] ?? '');
}
