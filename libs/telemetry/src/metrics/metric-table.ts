export type MetricType = 'counter' | 'gauge' | 'histogram';

export interface MetricSpec {
  readonly name: string;
  readonly type: MetricType;
  /** `function`, a full function slug, comes first where it is one: the number of its values is bounded. */
  readonly labels: readonly string[];
  /** Upper bounds, histograms only. */
  readonly buckets?: readonly number[];
  /** One sentence: what one number means. */
  readonly help: string;
  /** What an operator does about an unusual value. */
  readonly advice: string;
}

const OPERATION_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const CALL_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60];
const DELAY_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300];
const JOBS = [0, 1, 2, 4, 8, 16, 32];

/**
 * Every metric of the platform, by the name that the code has for it. Seconds and bytes are base units; what comes from
 * the store and the stream is read when somebody asks for the metrics, by runners alone.
 */
export const METRICS = {
  // ------------------------------------------------------------------------------------------------ events
  eventsReceived: {
    name: 'perdure_events_received_total',
    type: 'counter',
    labels: [],
    help: 'Events that were made durable and acknowledged to their senders.',
    advice: 'Tells the load; compare it with the runs that are scheduled.',
  },
  eventRequestsRejected: {
    name: 'perdure_event_requests_rejected_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Requests with events that were refused: `key`, `invalid`, or `unavailable` when the stream took nothing.',
    advice: '`key` or `invalid`: find the sender. `unavailable`: see that NATS, or the disk, is well.',
  },
  eventDelaySeconds: {
    name: 'perdure_event_delay_seconds',
    type: 'histogram',
    labels: [],
    buckets: DELAY_S,
    help: 'Time from the acknowledgement of an event until its runs were scheduled.',
    advice: 'Add runners; look at the latency of the store.',
  },
  eventsPutBack: {
    name: 'perdure_events_put_back_total',
    type: 'counter',
    labels: [],
    help: 'Deliveries of events that could not be handled and will come again.',
    advice: 'Read the warnings of the runners: usually the store does not answer.',
  },
  streamLag: {
    name: 'perdure_stream_lag_messages',
    type: 'gauge',
    labels: [],
    help: 'Events that no runner has handled yet.',
    advice: 'Growing: add runners, or see why scheduling is slow (`perdure_port_operation_seconds`).',
  },
  historyLag: {
    name: 'perdure_history_lag_messages',
    type: 'gauge',
    labels: [],
    help: 'Events and batches of records that are not in history yet.',
    advice: 'Runs go on; what people see is late. See that Postgres is well and large enough.',
  },
  deadLetters: {
    name: 'perdure_dead_letters',
    type: 'gauge',
    labels: ['group'],
    help: 'Messages given up on after their last delivery, up to 100 a group.',
    advice: '`perdure doctor` shows them and why each was given up.',
  },
  // -------------------------------------------------------------------------------------------------- runs
  runsScheduled: {
    name: 'perdure_runs_scheduled_total',
    type: 'counter',
    labels: ['function'],
    help: 'Runs created.',
    advice: 'Tells the load by function.',
  },
  runsSkipped: {
    name: 'perdure_runs_skipped_total',
    type: 'counter',
    labels: ['function', 'reason'],
    help: 'Runs that flow control or the state of their function kept from being created.',
    advice: 'Expected with singletons, rate limits and paused functions only.',
  },
  runsStarted: {
    name: 'perdure_runs_started_total',
    type: 'counter',
    labels: ['function'],
    help: 'Runs whose first job was claimed.',
    advice: 'Far below the scheduled ones: too few executors, or a limit of the function.',
  },
  runsEnded: {
    name: 'perdure_runs_ended_total',
    type: 'counter',
    labels: ['function', 'status'],
    help: 'Runs that ended: `completed`, `failed` or `cancelled`.',
    advice: 'Many `failed`: look at the runs of that function.',
  },
  runsLive: {
    name: 'perdure_runs_live',
    type: 'gauge',
    labels: ['cell'],
    help: 'Runs that have not ended.',
    advice: 'Growing without end: something never ends, or waits without a timeout. It bounds the memory of Redis.',
  },
  // ------------------------------------------------------------------------------------------------- queue
  queueJobs: {
    name: 'perdure_queue_jobs',
    type: 'gauge',
    labels: ['cell', 'state'],
    help: 'Jobs by state: `ready` (to be claimed, also those that a limit holds back), `delayed`, `leased`.',
    advice: '`ready` growing: add executors, unless `perdure_queue_parked_lanes` says that limits hold them back.',
  },
  functionReadyJobs: {
    name: 'perdure_function_ready_jobs',
    type: 'gauge',
    labels: ['function'],
    help: 'Ready jobs by function, those that a limit holds back included; no line for a function that has none.',
    advice: 'Growing: the function gets more than its limits, its executors or its application can take.',
  },
  functionOldestReadySeconds: {
    name: 'perdure_function_oldest_ready_seconds',
    type: 'gauge',
    labels: ['function'],
    help: 'For how long a job of the function has been ready whose turn is next.',
    advice: 'As for `perdure_function_ready_jobs`; with a paused function or a tight limit it grows by itself.',
  },
  queueParkedLanes: {
    name: 'perdure_queue_parked_lanes',
    type: 'gauge',
    labels: ['cell'],
    help: 'Accounts, functions and lanes with ready jobs that a limit holds back.',
    advice: 'Expected with concurrency limits and throttles; raise those that are too tight.',
  },
  pauses: {
    name: 'perdure_pauses',
    type: 'gauge',
    labels: ['cell'],
    help: 'Stored waits of runs: for events, invoked runs, signals, cancellation.',
    advice: 'Each takes memory of Redis until it is met or times out.',
  },
  // --------------------------------------------------------------------------------------------- executors
  claimSeconds: {
    name: 'perdure_claim_seconds',
    type: 'histogram',
    labels: [],
    buckets: OPERATION_S,
    help: 'Duration of one claim of jobs.',
    advice: 'High: Redis is busy or far away; look at its CPU and at the network.',
  },
  claimJobs: {
    name: 'perdure_claim_jobs',
    type: 'histogram',
    labels: [],
    buckets: JOBS,
    help: 'Jobs that one claim answered; none, when it looked in vain.',
    advice: 'No claims at all while jobs are ready: the executors are down or full.',
  },
  jobsTaken: {
    name: 'perdure_jobs_taken_total',
    type: 'counter',
    labels: ['function', 'how'],
    help: 'Jobs that an executor took on: `claimed`, or `chained`, got with the commit of the one before.',
    advice: 'Tells the load of the executors.',
  },
  jobsGivenBack: {
    name: 'perdure_jobs_given_back_total',
    type: 'counter',
    labels: [],
    help: 'Jobs given back unfinished, without an attempt spent, because the process stopped.',
    advice: 'Many at each deployment: calls last longer than `drain-seconds`.',
  },
  callsStarted: {
    name: 'perdure_calls_started_total',
    type: 'counter',
    labels: ['function'],
    help: 'Calls of applications begun.',
    advice: 'Tells the load of the applications.',
  },
  callSeconds: {
    name: 'perdure_call_seconds',
    type: 'histogram',
    labels: ['function', 'outcome'],
    buckets: CALL_S,
    help: 'Duration of a call: `success`, `errored` (will be repeated) or `failed` (the run or step fails).',
    advice: 'The time is spent in the application, or on the way to it.',
  },
  callsInProgress: {
    name: 'perdure_calls_in_progress',
    type: 'gauge',
    labels: [],
    help: 'Jobs that the executors of this process work on.',
    advice: 'Near `perdure_executor_slots` for long: add executors, or raise their concurrency.',
  },
  executorSlots: {
    name: 'perdure_executor_slots',
    type: 'gauge',
    labels: [],
    help: 'Jobs that the executors of this process may work on at once.',
    advice: 'A setting (concurrency).',
  },
  stepCommitSeconds: {
    name: 'perdure_step_commit_seconds',
    type: 'histogram',
    labels: ['kind'],
    buckets: OPERATION_S,
    help: 'Time from the answer of an application until the store had what follows from it: `advance`, `retry`, `complete`, `fail`.',
    advice: 'High: look at the latency of the store.',
  },
  leasesLost: {
    name: 'perdure_leases_lost_total',
    type: 'counter',
    labels: [],
    help: 'Jobs whose lease was gone when it was to be extended or the answer to be committed.',
    advice: 'A process that stood still, or a store that was away for longer than a lease. Such calls are made again.',
  },
  // ------------------------------------------------------------------------------------------------ upkeep
  outboxEntries: {
    name: 'perdure_outbox_entries',
    type: 'gauge',
    labels: ['cell'],
    help: 'Entries of the outbox that are not in the stream yet.',
    advice: 'Growing: no runner has the duty, or the stream takes nothing.',
  },
  outboxOldestSeconds: {
    name: 'perdure_outbox_oldest_seconds',
    type: 'gauge',
    labels: ['cell'],
    help: 'Age of the oldest entry of the outbox; 0 when it is empty.',
    advice: 'As long as it grows, finished events, invocations and history are late: see the runners and NATS.',
  },
  outboxDrained: {
    name: 'perdure_outbox_drained_total',
    type: 'counter',
    labels: [],
    help: 'Entries of the outbox brought to the stream.',
    advice: 'Tells the load of the runners.',
  },
  dutiesHeld: {
    name: 'perdure_duties_held',
    type: 'gauge',
    labels: ['duty'],
    help: 'Cells that this process does something for: `upkeep` is the outbox, reconciliation and cleaning.',
    advice: 'Over all processes it must be the number of cells.',
  },
  reconcileRepairs: {
    name: 'perdure_reconcile_repairs_total',
    type: 'counter',
    labels: ['kind'],
    help: 'What reconciliation had to put right: `run` asked again, `holder` of a counter released, `lane` put back.',
    advice: 'Expected after a failover of Redis only; otherwise report it as a defect.',
  },
  // ------------------------------------------------------------------------------------------------- ports
  portOperationSeconds: {
    name: 'perdure_port_operation_seconds',
    type: 'histogram',
    labels: ['port', 'operation'],
    buckets: OPERATION_S,
    help: 'Duration of operations of the store, the stream and history, waiting for a connection included.',
    advice: 'Tells which of Redis, NATS and Postgres is slow.',
  },
  portErrors: {
    name: 'perdure_port_errors_total',
    type: 'counter',
    labels: ['port', 'operation'],
    help: 'Operations of the store, the stream and history that failed.',
    advice: 'Tells which of Redis, NATS and Postgres is away. What failed is repeated.',
  },
  busGaps: {
    name: 'perdure_bus_gaps_total',
    type: 'counter',
    labels: [],
    help: 'Times after which hints may have been lost on the bus.',
    advice: 'Costs milliseconds of waiting; often: the network to NATS is bad.',
  },
  // ----------------------------------------------------------------------------------------------- process
  info: {
    name: 'perdure_info',
    type: 'gauge',
    labels: ['version', 'roles'],
    help: 'Always 1: which release this is and what it does.',
    advice: 'Two releases at once are expected during an upgrade only.',
  },
  processStart: {
    name: 'perdure_process_start_time_seconds',
    type: 'gauge',
    labels: [],
    help: 'When the process started, in seconds since 1970.',
    advice: 'Restarting again and again: read the last lines of its log.',
  },
  processCpu: {
    name: 'perdure_process_cpu_seconds_total',
    type: 'counter',
    labels: [],
    help: 'CPU time of the process, user and system.',
    advice: 'Near one core: add processes of that role.',
  },
  processResident: {
    name: 'perdure_process_resident_bytes',
    type: 'gauge',
    labels: [],
    help: 'Memory of the process.',
    advice: 'Near its limit: raise it, or lower the concurrency.',
  },
  heapUsed: {
    name: 'perdure_heap_used_bytes',
    type: 'gauge',
    labels: [],
    help: 'Heap of JavaScript in use.',
    advice: 'Growing over days: report it as a defect.',
  },
  eventLoopDelay: {
    name: 'perdure_event_loop_delay_seconds',
    type: 'gauge',
    labels: ['quantile'],
    help: 'How late timers of the process fire, since the metrics were asked for before: `0.5`, `0.99`, `1`.',
    advice: 'Above 0.1: the process has too much to do; add processes of that role.',
  },
  // -------------------------------------------------------------------------------------- names of Inngest
  inngestQueueDepth: {
    name: 'inngest_queue_depth',
    type: 'gauge',
    labels: [],
    help: 'Jobs that are ready, those that a limit holds back included, in all cells.',
    advice: 'For autoscaling of executors.',
  },
} as const satisfies Record<string, MetricSpec>;

export type MetricKey = keyof typeof METRICS;

export interface CopySpec {
  readonly name: string;
  readonly source: MetricKey;
  /** Label of the copy to that of the source; others are summed over. */
  readonly labels: Readonly<Record<string, string>>;
  readonly help: string;
}

/** The names of http-api.md 5.6, each computed from a metric of ours when somebody asks. */
export const COPIES: readonly CopySpec[] = [
  {
    name: 'inngest_function_run_scheduled_total',
    source: 'runsScheduled',
    labels: { fn: 'function' },
    help: 'Runs created.',
  },
  {
    name: 'inngest_function_run_started_total',
    source: 'runsStarted',
    labels: { fn: 'function' },
    help: 'Runs whose first job was claimed.',
  },
  {
    name: 'inngest_function_run_ended_total',
    source: 'runsEnded',
    labels: { fn: 'function', status: 'status' },
    help: 'Runs that ended.',
  },
  {
    name: 'inngest_sdk_req_scheduled_total',
    source: 'jobsTaken',
    labels: { fn: 'function' },
    help: 'Jobs that an executor took on.',
  },
  {
    name: 'inngest_sdk_req_started_total',
    source: 'callsStarted',
    labels: { fn: 'function' },
    help: 'Calls of applications begun.',
  },
  {
    name: 'inngest_sdk_req_ended_total',
    source: 'callSeconds',
    labels: { fn: 'function', status: 'outcome' },
    help: 'Calls of applications that ended.',
  },
];
