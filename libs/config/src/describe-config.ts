import type { Config, HistoryConfig, StoreConfig, StreamConfig } from './config.ts';

const REDACTED = '[redacted]';

/** The config as plain data for a log line or a diagnosis, every secret replaced. */
export function describeConfig(config: Config): Record<string, unknown> {
  const { auth, stream, store, history, sync, telemetry } = config;
  const { otlpUrl } = telemetry;
  return {
    ...config,
    auth: { signingKeys: auth.signingKeys.map(() => REDACTED), eventKeys: auth.eventKeys.map(() => REDACTED) },
    stream: describeStream(stream),
    store: describeStore(store),
    history: describeHistory(history),
    sync: { ...sync, urls: sync.urls.map(withoutPassword) },
    telemetry: { ...telemetry, ...(otlpUrl !== undefined && { otlpUrl: withoutPassword(otlpUrl) }) },
  };
}

function describeStream(stream: StreamConfig) {
  return stream.driver === 'jetstream' ? { ...stream, servers: stream.servers.map(withoutUser) } : stream;
}

function describeStore(store: StoreConfig) {
  return store.driver === 'redis' ? { ...store, url: withoutUser(store.url) } : store;
}

function describeHistory(history: HistoryConfig) {
  return history.driver === 'postgres' ? { ...history, url: withoutPassword(history.url) } : history;
}

/** What stands before the hosts is all secret there: a token of NATS stands where others have the user. */
function withoutUser(address: string): string {
  return address.replace(/\/\/.*@/, `//${REDACTED}@`);
}

/** Also without the query, which may hold a password too. */
function withoutPassword(address: string): string {
  const url = new URL(address);
  if (url.password !== '') url.password = 'redacted';
  if (url.search !== '') url.search = '?redacted';
  return url.href;
}
