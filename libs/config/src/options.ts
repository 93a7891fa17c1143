import { CELLS_MAX } from '@perdure/domain';
import type { z } from 'zod';
import type { Command, LogLevel } from './config.ts';
import { DEFAULTS } from './defaults.ts';
import {
  anyText,
  httpUrl,
  natsUrls,
  oneNumberOf,
  oneOf,
  onOff,
  type OptionKind,
  postgresUrl,
  redisUrl,
  textList,
  urlList,
  wholeNumber,
} from './option-kinds.ts';

/** Whatever is configured: the servers, and the commands that look after them. */
export type CommandName = Command | 'migrate' | 'send' | 'doctor' | 'healthcheck';

const SERVERS: readonly CommandName[] = ['dev', 'start', 'serve'];
const DEV: readonly CommandName[] = ['dev'];
/** `dev` checks no keys. */
const KEYED: readonly CommandName[] = ['start', 'serve'];
const LOOKED_AFTER: readonly CommandName[] = [...SERVERS, 'doctor'];
/** Whatever writes a log. */
const LOGGING: readonly CommandName[] = [...SERVERS, 'migrate'];
const ALL: readonly CommandName[] = [...LOOKED_AFTER, 'migrate', 'send', 'healthcheck'];
const LOG_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error'];

/** What may be given for an option; `T` is what comes of it. */
export interface Option<T = unknown> {
  kind: OptionKind<T>;
  commands: readonly CommandName[];
  description: string | ((command: CommandName) => string);
  /** For people: the value when nothing is given. */
  defaultText?: string | ((command: CommandName) => string);
  /** One letter for the command line. */
  short?: string;
  isSecret?: true;
  /** Known elsewhere and without meaning here: accepted, with this notice. */
  ignored?: string;
  /** Read from the command line only. */
  isFlagOnly?: true;
  /** A variable of another name; `beatsFlag` puts it above the command line. */
  variable?: { name: string; beatsFlag?: true; read?: (text: string) => string };
}

function option<T>(given: Option<T>): Option<T> {
  return given;
}

function ignored(description: string, notice: string, kind: OptionKind<unknown> = anyText): Option {
  return { kind, commands: SERVERS, description, ignored: notice };
}

const ONE_ADDRESS = 'everything is served at one address here';
const OWN_POOL = 'connections are kept and dropped as they are needed here';
const OWN_TRACES = 'the address of a collector is given by otlp-endpoint here';

/**
 * Every option by its name on the command line, which is also its key in a file and, in upper snake case behind `PERDURE_`
 * or `INNGEST_`, its variable (http-api.md 4.2 to 4.4). The command line is generated from this table.
 */
export const OPTIONS = {
  config: option({ kind: anyText, commands: ALL, short: 'c', description: 'config file (JSON, YAML or CUE)' }),
  dev: option({
    kind: onOff,
    commands: ['serve'],
    description: 'check no keys, as the command dev: for tests, in networks that nobody else is in',
    // In a variable it would open a server whose surroundings are those of an application: SDKs know INNGEST_DEV.
    isFlagOnly: true,
  }),
  host: option({
    kind: anyText,
    commands: [...SERVERS, 'healthcheck'],
    description: (command) => (command === 'healthcheck' ? 'address of the server' : 'address to listen at'),
    defaultText: (command) => (KEYED.includes(command) ? DEFAULTS.hostServer : DEFAULTS.hostDev),
  }),
  port: option({
    kind: wholeNumber(0, 65_535),
    commands: [...SERVERS, 'healthcheck'],
    short: 'p',
    description: (command) =>
      command === 'healthcheck' ? 'port of the server' : 'port to listen at; 0 takes any free one',
    defaultText: (command) => `${DEFAULTS.port}${command === 'dev' ? ', or the next free one' : ''}`,
  }),
  'sdk-url': option({
    kind: urlList,
    commands: SERVERS,
    short: 'u',
    description: 'where an application serves its functions',
  }),
  'no-discovery': option({ kind: onOff, commands: DEV, description: 'do not look for applications on local ports' }),
  'no-poll': option({ kind: onOff, commands: DEV, description: 'do not ask applications again for their functions' }),
  'poll-interval': option({
    kind: wholeNumber(0, 86_400),
    commands: SERVERS,
    description: 'seconds between two looks at each application; 0 is never',
    defaultText: (command) => `${command === 'dev' ? DEFAULTS.pollIntervalDevS : DEFAULTS.pollIntervalServerS}`,
  }),
  'retry-interval': option({
    kind: wholeNumber(0, 31_622_400),
    commands: SERVERS,
    description: 'seconds before each retry; 0 is a growing delay',
    defaultText: `${DEFAULTS.retryIntervalS}`,
  }),
  'queue-workers': option({
    kind: wholeNumber(1, 100_000),
    commands: SERVERS,
    description: 'calls to applications in progress at once, of one process',
    defaultText: `${DEFAULTS.queueWorkers}`,
  }),
  persist: option({ kind: onOff, commands: DEV, description: 'keep data between restarts' }),
  'data-dir': option({
    kind: anyText,
    commands: LOOKED_AFTER,
    description: 'folder of all that is kept here and not in a service; in dev, naming one means keeping it',
    defaultText: `./${DEFAULTS.dataDir}`,
  }),
  sample: option({ kind: onOff, commands: DEV, description: 'run a sample application beside the server' }),
  'signing-key': option({
    kind: anyText,
    commands: KEYED,
    isSecret: true,
    description: 'secret shared with applications: hex, with or without a signkey-<env>- prefix',
  }),
  'signing-key-fallback': option({
    kind: textList,
    commands: KEYED,
    isSecret: true,
    description: 'former signing key that is still accepted',
  }),
  'event-key': option({
    kind: textList,
    commands: [...KEYED, 'send'],
    isSecret: true,
    description: 'key that senders of events must know',
  }),
  url: option({
    kind: httpUrl,
    commands: ['send'],
    description: 'server to send to',
    defaultText: DEFAULTS.url,
    variable: { name: 'INNGEST_BASE_URL' },
  }),
  'nats-uri': option({
    kind: natsUrls,
    commands: LOOKED_AFTER,
    isSecret: true,
    description: 'NATS with JetStream for events, instead of the embedded stream',
  }),
  'nats-replicas': option({
    kind: oneNumberOf([1, 3, 5]),
    commands: LOOKED_AFTER,
    description: 'copies of each event, each on a NATS server of its own: 1, 3 or 5',
    defaultText: `${DEFAULTS.natsReplicas}`,
  }),
  'stream-retention-hours': option({
    kind: wholeNumber(1, 24 * 366),
    commands: LOOKED_AFTER,
    description: 'hours that NATS keeps events at most',
    defaultText: `${DEFAULTS.streamRetentionHours}`,
  }),
  'redis-uri': option({
    kind: redisUrl,
    commands: LOOKED_AFTER,
    isSecret: true,
    description: 'Redis for queue and run state, instead of the embedded store',
  }),
  cells: option({
    kind: wholeNumber(1, CELLS_MAX),
    commands: LOOKED_AFTER,
    description: 'parts that queue and run state are split into; fixed for the life of the data',
    defaultText: `${DEFAULTS.cells}`,
  }),
  'redis-wait-replicas': option({
    kind: wholeNumber(0, 10),
    commands: LOOKED_AFTER,
    description: 'Redis replicas that must have a write before it counts; 0 waits for none',
    defaultText: `${DEFAULTS.redisWaitReplicas}`,
  }),
  'postgres-uri': option({
    kind: postgresUrl,
    commands: [...LOOKED_AFTER, 'migrate'],
    isSecret: true,
    description: 'Postgres for apps, events and history, instead of the embedded database',
  }),
  'postgres-max-open-conns': option({
    kind: wholeNumber(0, 10_000),
    commands: SERVERS,
    description: 'connections to Postgres at once, of one process',
    defaultText: `${DEFAULTS.postgresConnectionsMax}`,
  }),
  'event-bytes-max': option({
    kind: wholeNumber(1024, DEFAULTS.eventBytesMax),
    commands: SERVERS,
    description: 'bytes that one event may have',
    defaultText: `${DEFAULTS.eventBytesMax}`,
  }),
  'retention-days': option({
    kind: wholeNumber(1, DEFAULTS.retentionDays),
    commands: SERVERS,
    description: 'days that events and ended runs stay visible',
    defaultText: 'for ever',
  }),
  'drain-seconds': option({
    kind: wholeNumber(0, 3600),
    commands: SERVERS,
    description: 'seconds that calls in flight may take to finish when the process is asked to stop',
    defaultText: `${DEFAULTS.drainS}`,
  }),
  'metrics-host': option({
    kind: anyText,
    commands: SERVERS,
    description: 'address to serve /metrics at',
    defaultText: DEFAULTS.metricsHost,
  }),
  'metrics-port': option({
    kind: wholeNumber(0, 65_535),
    commands: SERVERS,
    description: 'port to serve /metrics at; 0 takes any free one',
    defaultText: `${DEFAULTS.metricsPort}`,
  }),
  'no-metrics': option({ kind: onOff, commands: SERVERS, description: 'do not serve /metrics' }),
  'otlp-endpoint': option({
    kind: httpUrl,
    commands: SERVERS,
    description: 'collector of traces: the base URL of OTLP over HTTP',
    variable: { name: 'OTEL_EXPORTER_OTLP_ENDPOINT' },
  }),
  'log-level': option({
    kind: oneOf(LOG_LEVELS),
    commands: LOGGING,
    short: 'l',
    description: `least important lines to log: ${LOG_LEVELS.join(', ')}`,
    defaultText: DEFAULTS.logLevel,
    variable: { name: 'LOG_LEVEL', beatsFlag: true },
  }),
  verbose: option({ kind: onOff, commands: LOGGING, description: 'the same as --log-level debug' }),
  json: option({
    kind: onOff,
    commands: LOGGING,
    description: 'log lines in JSON',
    defaultText: 'when the output is no terminal',
    variable: { name: 'LOG_HANDLER', read: (value) => String(value.trim().toLowerCase() === 'json') },
  }),
  'postgres-max-idle-conns': option({
    kind: wholeNumber(0, 10_000),
    commands: SERVERS,
    description: 'idle connections to Postgres',
    ignored: OWN_POOL,
  }),
  'postgres-conn-max-idle-time': ignored('minutes until an idle connection is dropped', OWN_POOL, wholeNumber(0, 1e6)),
  'postgres-conn-max-lifetime': ignored('minutes until a connection is replaced', OWN_POOL, wholeNumber(0, 1e6)),
  'sqlite-dir': ignored('folder of an SQLite database', 'there is no SQLite here: use data-dir'),
  tick: ignored('pause between two looks at the queue', 'nothing polls the queue here'),
  'no-ui': ignored('no dashboard and no GraphQL', 'there is no dashboard yet', onOff),
  'connect-gateway-port': ignored('port of the connect gateway', ONE_ADDRESS),
  'connect-gateway-grpc-port': ignored('internal port of the connect gateway', ONE_ADDRESS),
  'connect-executor-grpc-port': ignored('internal port of the executor', ONE_ADDRESS),
  'connect-gateway-grpc-ip': ignored('internal address of the connect gateway', ONE_ADDRESS),
  'connect-executor-grpc-ip': ignored('internal address of the executor', ONE_ADDRESS),
  'debug-api-port': ignored('port of the debug interface', 'there is no debug interface'),
  'system-trace-endpoint': ignored("where the server's own traces go", OWN_TRACES),
  'system-trace-url-path': ignored("path of the server's own traces", OWN_TRACES),
};

export type OptionName = keyof typeof OPTIONS;
export type OptionValue<N extends OptionName> = z.output<(typeof OPTIONS)[N]['kind']['schema']>;
export type OptionValues = { [N in OptionName]?: OptionValue<N> };

export const OPTION_NAMES: readonly OptionName[] = namesOf(OPTIONS);

/** Keys that a shared config file has for other commands. */
export const KEYS_OF_OTHER_COMMANDS = new Set(['prod', 'api-host', 'api-port']);

/** The variables that set an option, the stronger one first, but for one with a name of its own. */
export function variablesOf(name: OptionName): string[] {
  const { isFlagOnly }: Option = OPTIONS[name];
  if (isFlagOnly === true) return [];
  const suffix = name.replaceAll('-', '_').toUpperCase();
  return [`PERDURE_${suffix}`, `INNGEST_${suffix}`];
}

/** What the command line has to know of an option. */
export interface OptionDescription {
  name: OptionName;
  short?: string;
  variables: string[];
  description: string;
  /** For people. */
  defaultText?: string;
  /** Takes no value. */
  isSwitch: boolean;
  /** May be repeated. */
  isList: boolean;
  /** Accepted for the sake of existing scripts; not worth a line in the help. */
  isHidden: boolean;
}

/** The options of a command, in the order in which they are best listed. */
export function optionsOf(command: CommandName): OptionDescription[] {
  return OPTION_NAMES.filter((name) => OPTIONS[name].commands.includes(command)).map((name) => {
    const { kind, short, description, defaultText, ignored: notice }: Option = OPTIONS[name];
    return {
      name,
      ...(short !== undefined && { short }),
      variables: allVariablesOf(name),
      description: textFor(command, description),
      ...(defaultText !== undefined && { defaultText: textFor(command, defaultText) }),
      isSwitch: kind.isSwitch === true,
      isList: kind.isList === true,
      isHidden: notice !== undefined,
    };
  });
}

function textFor(command: CommandName, text: string | ((command: CommandName) => string)): string {
  return typeof text === 'string' ? text : text(command);
}

function allVariablesOf(name: OptionName): string[] {
  const { variable }: Option = OPTIONS[name];
  return [...variablesOf(name), ...(variable === undefined ? [] : [variable.name])];
}

function namesOf<T extends object>(table: T): (keyof T)[] {
  return Object.keys(table) as (keyof T)[];
}
