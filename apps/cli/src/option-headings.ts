import type { OptionName } from '@perdure/config';

/** How the help of a command is divided. */
const HEADINGS: Readonly<Record<string, readonly OptionName[]>> = {
  'Where it listens:': ['host', 'port', 'dev'],
  'Keys:': ['signing-key', 'signing-key-fallback', 'event-key'],
  'Applications:': [
    'sdk-url',
    'no-discovery',
    'no-poll',
    'poll-interval',
    'retry-interval',
    'queue-workers',
    'sample',
    'event-bytes-max',
    'drain-seconds',
  ],
  'Data:': ['persist', 'data-dir', 'retention-days'],
  'Services in place of what is embedded:': [
    'nats-uri',
    'nats-replicas',
    'stream-retention-hours',
    'redis-uri',
    'cells',
    'redis-wait-replicas',
    'postgres-uri',
    'postgres-max-open-conns',
  ],
  'Logs, metrics, traces:': [
    'log-level',
    'verbose',
    'json',
    'metrics-host',
    'metrics-port',
    'no-metrics',
    'otlp-endpoint',
  ],
};

export function headingOf(name: OptionName): string {
  return Object.keys(HEADINGS).find((heading) => HEADINGS[heading]?.includes(name)) ?? 'Options:';
}
