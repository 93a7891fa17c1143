import type { z } from 'zod';
import type { Command, LogLevel } from './config.ts';
import { DEFAULTS } from './defaults.ts';
import { anyText, oneOf, onOff, type OptionKind, postgresUrl, textList, urlList, wholeNumber } from './option-kinds.ts';

const BOTH: readonly Command[] = ['dev', 'start'];
const DEV: readonly Command[] = ['dev'];
const START: readonly Command[] = ['start'];
const LOG_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error'];

/** What may be given for an option; `T` is what comes of it. */
export interface Option<T = unknown> {
  kind: OptionKind<T>;
  commands: readonly Command[];
  description: string;
  /** For people: the value when nothing is given. */
  defaultText?: string;
  /** One letter for the command line. */
  short?: string;
  isSecret?: true;
  /** Known elsewhere and without meaning here: accepted, with this notice. */
  ignored?: string;
  /** Without meaning yet, but too important to pass over: any value is refused with this message. */
  refused?: string;
  /** A variable of another name; `beatsFlag` puts it above the command line. */
  variable?: { name: string; beatsFlag?: true; read?: (text: string) => string };
}

function option<T>(given: Option<T>): Option<T> {
  return given;
}

function ignored(description: string, notice: string, kind: OptionKind<unknown> = anyText): Option {
  return { kind, commands: BOTH, description, ignored: notice };
}

const ONE_ADDRESS = 'everything is served at one address here';
const OWN_POOL = 'connections are kept and dropped as they are needed here';

/**
 * Every option by its name on the command line, which is also its key in a file and, in upper snake case behind `PERDURE_`
 * or `INNGEST_`, its variable (http-api.md 4.2 to 4.4). The command line is generated from this table.
 */
export const OPTIONS = {
  config: option({ kind: anyText, commands: BOTH, description: 'config file (JSON or YAML)' }),
  host: option({
    kind: anyText,
    commands: BOTH,
    description: 'address to listen at',
    defaultText: `dev: ${DEFAULTS.hostDev}, start: ${DEFAULTS.hostStart}`,
  }),
  port: option({
    kind: wholeNumber(0, 65_535),
    commands: BOTH,
    short: 'p',
    description: 'port to listen at; 0 takes any free one',
    defaultText: `${DEFAULTS.port}, in dev the next free one`,
  }),
  'sdk-url': option({
    kind: urlList,
    commands: BOTH,
    short: 'u',
    description: 'where an application serves its functions',
  }),
  'no-discovery': option({ kind: onOff, commands: DEV, description: 'do not look for applications on local ports' }),
  'no-poll': option({ kind: onOff, commands: DEV, description: 'do not ask applications again for their functions' }),
  'poll-interval': option({
    kind: wholeNumber(0, 86_400),
    commands: BOTH,
    description: 'seconds between two looks at each application; 0 is never',
    defaultText: `dev: ${DEFAULTS.pollIntervalDevS}, start: ${DEFAULTS.pollIntervalStartS}`,
  }),
  'retry-interval': option({
    kind: wholeNumber(0, 31_622_400),
    commands: BOTH,
    description: 'seconds before each retry; 0 is a growing delay',
    defaultText: `${DEFAULTS.retryIntervalS}`,
  }),
  'queue-workers': option({
    kind: wholeNumber(1, 100_000),
    commands: BOTH,
    description: 'calls to applications in progress at once',
    defaultText: `${DEFAULTS.queueWorkers}`,
  }),
  persist: option({ kind: onOff, commands: DEV, description: 'keep data between restarts' }),
  'data-dir': option({
    kind: anyText,
    commands: BOTH,
    description: 'folder of the data; in dev, naming one means keeping it',
    defaultText: `./${DEFAULTS.dataDir}`,
  }),
  sample: option({ kind: onOff, commands: DEV, description: 'run a sample application beside the server' }),
  'signing-key': option({
    kind: anyText,
    commands: START,
    isSecret: true,
    description: 'secret shared with applications: hex, with or without a signkey-<env>- prefix',
  }),
  'signing-key-fallback': option({
    kind: textList,
    commands: START,
    isSecret: true,
    description: 'former signing key that is still accepted',
  }),
  'event-key': option({
    kind: textList,
    commands: START,
    isSecret: true,
    description: 'key that senders of events must know',
  }),
  'postgres-uri': option({
    kind: postgresUrl,
    commands: BOTH,
    isSecret: true,
    description: 'Postgres for apps, events and history instead of the embedded database',
  }),
  'postgres-max-open-conns': option({
    kind: wholeNumber(0, 10_000),
    commands: BOTH,
    description: 'connections to Postgres at once',
    defaultText: `${DEFAULTS.postgresConnectionsMax}`,
  }),
  'event-bytes-max': option({
    kind: wholeNumber(1024, DEFAULTS.eventBytesMax),
    commands: BOTH,
    description: 'bytes that one event may have',
    defaultText: `${DEFAULTS.eventBytesMax}`,
  }),
  'retention-days': option({
    kind: wholeNumber(1, DEFAULTS.retentionDays),
    commands: BOTH,
    description: 'days that events and ended runs stay visible',
    defaultText: 'for ever',
  }),
  'log-level': option({
    kind: oneOf(LOG_LEVELS),
    commands: BOTH,
    short: 'l',
    description: `least important lines to log: ${LOG_LEVELS.join(', ')}`,
    defaultText: DEFAULTS.logLevel,
    variable: { name: 'LOG_LEVEL', beatsFlag: true },
  }),
  verbose: option({ kind: onOff, commands: BOTH, description: 'the same as --log-level debug' }),
  json: option({
    kind: onOff,
    commands: BOTH,
    description: 'log lines in JSON',
    defaultText: 'when the output is no terminal',
    variable: { name: 'LOG_HANDLER', read: (value) => String(value.trim().toLowerCase() === 'json') },
  }),
  'redis-uri': option({
    kind: anyText,
    commands: BOTH,
    isSecret: true,
    description: 'Redis for queue and run state',
    refused: 'Redis cannot be used yet; leave redis-uri out, and queue and run state are kept in data-dir',
  }),
  'postgres-max-idle-conns': option({
    kind: wholeNumber(0, 10_000),
    commands: BOTH,
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
  'system-trace-endpoint': ignored("where the server's own traces go", 'the server exports no traces yet'),
  'system-trace-url-path': ignored("path of the server's own traces", 'the server exports no traces yet'),
};

export type OptionName = keyof typeof OPTIONS;
export type OptionValue<N extends OptionName> = z.output<(typeof OPTIONS)[N]['kind']['schema']>;
export type OptionValues = { [N in OptionName]?: OptionValue<N> };

export const OPTION_NAMES: readonly OptionName[] = namesOf(OPTIONS);

/** Keys that a shared config file has for other commands. */
export const KEYS_OF_OTHER_COMMANDS = new Set(['prod', 'api-host', 'api-port']);

/** The variables that set an option, the stronger one first. */
export function variablesOf(name: OptionName): string[] {
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
export function optionsOf(command: Command): OptionDescription[] {
  return OPTION_NAMES.filter((name) => OPTIONS[name].commands.includes(command)).map((name) => {
    const { kind, short, description, defaultText, ignored: notice, refused, variable }: Option = OPTIONS[name];
    return {
      name,
      ...(short !== undefined && { short }),
      variables: [...variablesOf(name), ...(variable === undefined ? [] : [variable.name])],
      description,
      ...(defaultText !== undefined && { defaultText }),
      isSwitch: kind.isSwitch === true,
      isList: kind.isList === true,
      isHidden: notice !== undefined || refused !== undefined,
    };
  });
}

function namesOf<T extends object>(table: T): (keyof T)[] {
  return Object.keys(table) as (keyof T)[];
}
