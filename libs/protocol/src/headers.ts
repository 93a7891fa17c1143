/** Header names of the protocol in lower case, as they are compared and stored (sdk-protocol.md 12). */
export const HEADERS = {
  accountId: 'account-id',
  authorization: 'authorization',
  contentType: 'content-type',
  env: 'x-inngest-env',
  eventIdSeed: 'x-inngest-event-id-seed',
  expectedServerKind: 'x-inngest-expected-server-kind',
  forceStepPlan: 'x-inngest-force-step-plan',
  framework: 'x-inngest-framework',
  generationId: 'x-inngest-generation-id',
  jobId: 'x-inngest-job-id',
  noRetry: 'x-inngest-no-retry',
  platform: 'x-inngest-platform',
  requestId: 'x-request-id',
  requestVersion: 'x-inngest-req-version',
  retryAfter: 'retry-after',
  runId: 'x-run-id',
  sdk: 'x-inngest-sdk',
  /** Sent by npm even where it takes all others off. */
  sdkHandled: 'x-inngest-sdk-handled',
  serverKind: 'x-inngest-server-kind',
  signature: 'x-inngest-signature',
  stepId: 'x-inngest-step-id',
  syncKind: 'x-inngest-sync-kind',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  userAgent: 'user-agent',
} as const;

/** What `x-inngest-server-kind` tells SDKs: with keys (`cloud`) or without (`dev`). */
export const SERVER_KIND = { dev: 'dev', cloud: 'cloud' } as const;
export type ServerKind = (typeof SERVER_KIND)[keyof typeof SERVER_KIND];

export const SYNC_KIND = { inBand: 'in_band', outOfBand: 'out_of_band' } as const;
