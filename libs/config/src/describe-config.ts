import type { Config } from './config.ts';

const REDACTED = '[redacted]';

/** The config as plain data for a log line or a diagnosis, every secret replaced. */
export function describeConfig(config: Config): Record<string, unknown> {
  const { auth, history } = config;
  return {
    ...config,
    auth: { signingKeys: auth.signingKeys.map(() => REDACTED), eventKeys: auth.eventKeys.map(() => REDACTED) },
    history: history.driver === 'postgres' ? { ...history, url: withoutPassword(history.url) } : history,
    sync: { ...config.sync, urls: config.sync.urls.map(withoutPassword) },
  };
}

/** Also without the query, which may hold a password too. */
function withoutPassword(address: string): string {
  const url = new URL(address);
  if (url.password !== '') url.password = 'redacted';
  if (url.search !== '') url.search = '?redacted';
  return url.href;
}
