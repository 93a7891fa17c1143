/** The only reason for which CI may leave a test out: a machine inside a container has no engine to start another. */
const ACCEPTED_IN_CI = 'needs a Docker engine';

/**
 * What was left out, in one line each: the reasons that tests appended to the file named by PERDURE_LEFT_OUT_FILE, and
 * skipped tests of which no reason is known.
 */
export function describeLeftOut(reasonsFile: string, skipped: readonly string[]): string[] {
  const reasons = [...new Set(reasonsFile.split('\n').filter((line) => line.trim() !== ''))];
  const unexplained = reasons.length === 0 ? skipped.map((name) => `skipped without a reason: ${name}`) : [];
  return [...reasons, ...unexplained];
}

/** Those of the lines that CI does not accept. */
export function unacceptableInCi(leftOut: readonly string[]): string[] {
  return leftOut.filter((reason) => !reason.includes(ACCEPTED_IN_CI));
}
