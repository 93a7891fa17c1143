/** What SDKs and probes add to a URL for a moment (sdk-protocol.md 3.6). */
const TRANSIENT_PARAMETERS = /^(deployId|probe)(=|$)/;
const SCHEMES = ['http:', 'https:', 'ws:', 'wss:'];

/**
 * A registered URL in the form in which it is stored: without default port, fragment, `deployId`, `probe` and, of query
 * parameters, those in `without`. Undefined when it is no URL of a scheme that calls can take.
 */
export function normalizeUrl(text: string, without: readonly string[] = []): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (!SCHEMES.includes(url.protocol)) return undefined;
  const parameters = url.search === '' ? [] : url.search.slice(1).split('&');
  const kept = parameters.filter(
    (parameter) =>
      parameter !== '' &&
      !TRANSIENT_PARAMETERS.test(parameter) &&
      !without.some((name) => parameter === name || parameter.startsWith(`${name}=`)),
  );
  url.search = kept.join('&');
  url.hash = '';
  return url.href;
}

const LOOPBACK_HOSTS = ['127.0.0.1', '0.0.0.0', '[::1]'];

/** What two URLs of one app have in common: for telling whether they are the same, not for calling. */
export function appUrlKey(text: string): string {
  const normalized = normalizeUrl(text);
  if (normalized === undefined) return text;
  const url = new URL(normalized);
  if (LOOPBACK_HOSTS.includes(url.hostname)) url.hostname = 'localhost';
  return url.href;
}
