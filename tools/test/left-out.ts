/**
 * The only reasons for which CI may leave a test out: a machine inside a container has no engine to start another, and the
 * checks of deployments are made with tools of other languages. Where the language is there, a tool that is missing is none.
 */
const ACCEPTED_IN_CI = ['needs a Docker engine', 'needs Go', 'needs Python with pip'];

/** What there are no tests of, whatever the machine has; printed each time, so that nobody takes it for tried. */
export const NOT_TRIED = [
  'SDK of Go: its module (github.com/inngest/inngestgo) is not on the module proxies; the forms that its source sends are tried instead',
];

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
  return leftOut.filter((reason) => !ACCEPTED_IN_CI.some((accepted) => reason.includes(accepted)));
}
