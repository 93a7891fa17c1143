export { classifyAnswer, transportFailure } from './answer/classify-answer.ts';
export { parseRetryAfter } from './answer/parse-retry-after.ts';
export { readOp, type MalformedOp } from './answer/read-op.ts';
export type { Op, RawAnswer, SdkAnswer, SdkError } from './answer/sdk-answer.ts';
export { ANSWER_CODES, errorMemo, outputTooLargeError } from './answer/sdk-error.ts';
export { buildCallBody, stepsJson, type CallBody } from './call/build-call-body.ts';
export { callHeaders, type CallHeaders } from './call/call-headers.ts';
export { callUrl } from './call/call-url.ts';
export { firstEventJson } from './call/first-event.ts';
export { parseQueueItemRef, queueItemRef, type QueueItemRef } from './call/queue-item-ref.ts';
export { traceContextOf, type TraceContext } from './call/trace-context.ts';
export {
  CHECKPOINT_BYTES_MAX,
  parseCheckpoint,
  type Checkpoint,
  type CheckpointResult,
} from './checkpoint/parse-checkpoint.ts';
export {
  DEFERS_BYTES_MAX,
  DEFERS_MAX,
  deferredEvents,
  printDeferred,
  type DeferringRun,
} from './event/deferred-events.ts';
export { deliveredEventsJson, toDeliveredEvent } from './event/delivered-event.ts';
export { endpointOutput, type HttpOutput } from './endpoint/endpoint-output.ts';
export {
  parseEndpointRun,
  parseEndpointSteps,
  readRequest,
  type EndpointRequest,
  type EndpointRun,
  type EndpointRunResult,
  type EndpointStepsResult,
} from './endpoint/parse-endpoint-run.ts';
export { reentryCall, type ReentryCall } from './endpoint/reentry-call.ts';
export { eventErrorReply, eventReply, type EventReply } from './event/event-reply.ts';
export { parseEventRequest, type EventRequestOptions, type EventRequestResult } from './event/parse-event-request.ts';
export { correlationIdOf, runEndedEvents, runErrorOf, type EndedRun } from './event/run-ended-events.ts';
export { parseStoredEvent, type StoredEvent, toStoredEvent } from './event/stored-event.ts';
export type { OutboundAnswer, OutboundRequest } from './gateway/outbound-request.ts';
export type { AiFormat, PublishTarget } from './gateway/read-outbound.ts';
export {
  isOutbound,
  settleOutbound,
  type AiGatewayOp,
  type GatewayOp,
  type SettledOp,
} from './gateway/settle-outbound.ts';
export { HEADERS, SERVER_KIND, SYNC_KIND, type ServerKind } from './headers.ts';
export { appIdOf, functionIdOf, uuidV5 } from './ids/name-uuid.ts';
export { derivedUlid, requestIdOf } from './ids/request-id.ts';
export { seededEventIds } from './ids/seeded-event-ids.ts';
export { systemIds } from './ids/system-ids.ts';
export { canonicalJson } from './json/canonical-json.ts';
export { isLargerThan } from './json/json-bytes.ts';
export { asJsonObject, JSON_DEPTH_MAX, jsonTypeOf, parseJson, type ParsedJson } from './json/parse-json.ts';
export type { OpMetadata } from './told/read-op-metadata.ts';
export { readListenerMessage, type ListenerMessage } from './realtime/listener-message.ts';
export {
  CHUNK_BYTES_MAX,
  CHUNKS_MAX,
  isPlainText,
  LIVE_BYTES_MAX,
  liveFrame,
  printLive,
  readLive,
  RELAY_BYTES_MAX,
  RELAY_TOPIC,
  type LiveKind,
  type LiveMessage,
} from './realtime/live-message.ts';
export {
  mayPublishTo,
  parsePublish,
  type PublishRequest,
  type PublishRequestResult,
} from './realtime/parse-publish.ts';
export {
  LISTEN_TOKEN_S,
  LIVE_TOPICS_MAX,
  parseLiveTopics,
  readLiveToken,
  signLiveToken,
  type LiveAccess,
  type LiveTopic,
} from './realtime/realtime-token.ts';
export { splitText } from './realtime/split-text.ts';
export { appUrlKey, normalizeUrl } from './register/app-url.ts';
export type { ConfigProblem } from './register/config-problem.ts';
export type { ConfigChecks } from './register/config-schemas.ts';
export {
  buildSyncCall,
  parseSyncAnswer,
  SYNC_TIMEOUT_MS,
  type SyncAnswer,
  type SyncCall,
} from './register/sync-call.ts';
export {
  parseRegisterRequest,
  type RegisteredApp,
  type RegisterOptions,
  type RegisterResult,
} from './register/parse-register-request.ts';
export { parseLimitOverrides, type LimitOverridesResult } from './register/parse-limit-overrides.ts';
export type { RegisteredFunction } from './register/read-function.ts';
export { registerErrorReply, registerReply, serverKindMismatch } from './register/register-reply.ts';
export { errorBody, errorBodyV2, type ErrorBody } from './rest/error-body.ts';
export {
  envelope,
  formatInstant,
  toEventV1,
  toRunV1,
  type EventV1,
  type RunFacts,
  type RunV1,
} from './rest/rest-v1.ts';
export { parseSignal, type SignalRequest } from './rest/parse-signal.ts';
export {
  parseCancellation,
  parseReplay,
  RUNS_PER_SECOND_MAX,
  type CancellationRequest,
  type ReplayRequest,
} from './rest/parse-sweep.ts';
export { cursorOf, parsePage, toFunctionV2, type FunctionV2, type PageRequest } from './rest/function-v2.ts';
export { toWaitingV1, type Waiting, type WaitingV1 } from './rest/waiting-v1.ts';
export { envelopeV2, parseRerun, type RerunRequest } from './rest/rest-v2.ts';
export {
  toCancellationV1,
  toReplayV1,
  type CancellationV1,
  type ReplayV1,
  type SweepFacts,
  type SweptFunction,
} from './rest/sweep-v1.ts';
export { SIGNATURE_TOLERANCE_S, signBody, verifySignature } from './signature/sign-body.ts';
export { hashSigningKey, isBearerAccepted, isEqualText, stripKeyPrefix } from './signature/signing-key.ts';
export { readToken, signToken } from './signature/token.ts';
export { mergeMetadata, type MergedMetadata } from './told/merge-metadata.ts';
export {
  attributeOf,
  OTLP_BYTES_MAX,
  otlpReply,
  otlpStatus,
  parseOtlpJson,
  parseOtlpProtobuf,
  type OtlpRequest,
  type OtlpSpan,
} from './told/otlp.ts';
export { METADATA_PER_RUN_BYTES_MAX, parseMetadata, type MetadataRequest } from './told/parse-metadata.ts';
export { METADATA_BYTES_MAX, type MetadataItem } from './told/read-op-metadata.ts';
