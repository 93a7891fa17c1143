/** Redirects followed in one call (sdk-protocol.md 6.1). */
export const REDIRECTS_MAX = 60;

const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Whether a status says to call again elsewhere. All of them keep the method and the body here, even 303. */
export function isRedirect(status: number): boolean {
  return REDIRECT_STATUSES.has(status);
}

/**
 * Where a redirect leads: `location` against the URL that answered, plus the query parameters of the original URL that
 * the location does not name itself (`fnId` and `stepId` survive a plain `/moved`). Undefined when that is no HTTP URL.
 */
export function redirectTarget(location: string, answered: URL, original: URL): URL | undefined {
  const target = URL.parse(location, answered);
  if (target === null || (target.protocol !== 'http:' && target.protocol !== 'https:')) return undefined;
  const missing = original.search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '' && !target.searchParams.has(nameOf(pair)));
  // As text: setting `searchParams` would print the location's own query anew, which may be signed as it is.
  if (missing.length > 0) target.search += `${target.search === '' ? '?' : '&'}${missing.join('&')}`;
  return target;
}

function nameOf(pair: string): string {
  return new URLSearchParams(pair).keys().next().value ?? '';
}
