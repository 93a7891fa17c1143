/** What holds when the operator says nothing, with the reason. `dev` and servers differ where they serve different people. */
export const DEFAULTS = {
  /** Loopback only: `dev` checks no keys, and a laptop on a shared network must not offer it to its neighbours. */
  hostDev: '127.0.0.1',
  /** All interfaces: `start` and `serve` check keys, and run in containers that are reached from outside. */
  hostServer: '0.0.0.0',
  /** The port that SDKs look for. */
  port: 8288,
  /** Where `send` finds a server that was started without a word. */
  url: 'http://localhost:8288',

  /** Seconds between two looks at each application: short, so that saving a file shows at once. */
  pollIntervalDevS: 5,
  /** Seconds; 0 is off: in production applications register themselves when they are deployed. */
  pollIntervalServerS: 0,
  /** Seconds; 0 is the growing delay of the retry table. */
  retryIntervalS: 0,
  /** Calls in progress of one executor: enough to keep a small server busy, few enough for a small application. */
  queueWorkers: 100,
  /** Seconds: what Kubernetes and most supervisors wait for before they kill. */
  drainS: 30,

  /** Folder of everything kept, in the working directory. */
  dataDir: '.perdure',
  /** Copies of an event: what a single NATS server can do. */
  natsReplicas: 1,
  /** A week: long enough to mend what could not be handled over a holiday. */
  streamRetentionHours: 168,
  /** One: a single Redis has one core to use, and a cluster is a decision of its own. */
  cells: 1,
  /** None: a single Redis has no replica that could be waited for. */
  redisWaitReplicas: 0,
  /** Connections to Postgres: its own default admits 100 in all, from every process. */
  postgresConnectionsMax: 10,

  /** Bytes of one event: what SDKs and the wire contract are made for (http-api.md 2.1). */
  eventBytesMax: 3 * 1024 * 1024,
  /** Days that history is kept; a hundred years, so that nothing disappears unless somebody asks for it. */
  retentionDays: 36_500,

  /** Loopback only: metrics name functions and are nobody else's business until somebody opens them. */
  metricsHost: '127.0.0.1',
  /** The usual port of OpenTelemetry's exporter. */
  metricsPort: 9464,
  logLevel: 'info',
} as const;
