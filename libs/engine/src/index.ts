export { AppPoller, type AppPollerOptions } from './app/app-poller.ts';
export { putSync, type PutSyncResult } from './app/put-sync.ts';
export { removeApp } from './app/remove-app.ts';
export { syncApp, type SyncResult } from './app/sync-app.ts';
export { nextTickAt } from './cron/next-tick.ts';
export { EventLoop } from './event/event-loop.ts';
export { invokeFunction, type InvokeResult } from './event/invoke-function.ts';
export { receiveEvents, type ReceiveResult } from './event/receive-events.ts';
export { FunctionCatalog } from './function/function-catalog.ts';
export { checkpointSteps, type CheckpointOutcome } from './job/checkpoint-steps.ts';
export { JobLoop } from './job/job-loop.ts';
export { CALL_TIMEOUT_MS, LEASE_MS, type EngineSettings, type Ports } from './ports.ts';
export { functionLimits } from './function/function-limits.ts';
export { LimitsLoop } from './function/limits-loop.ts';
export { RecorderLoop } from './history/recorder-loop.ts';
export { GaugesLoop } from './upkeep/gauges-loop.ts';
export { UpkeepLoop } from './upkeep/upkeep-loop.ts';
export { cancelRun } from './run/cancel-run.ts';
export { isOutage } from './loop/through-outage.ts';
export { isReady, type NeededPort } from './ready.ts';
export { findRun } from './run/find-run.ts';
export { addCancellation, checkEventExpression, type CancellationSpec } from './control/cancel-runs.ts';
export { explainRun, type Constraint, type RunExplanation, type WaitingFor } from './control/explain-run.ts';
export { overrideLimits, type OverrideResult } from './control/override-limits.ts';
export { setFunctionState } from './control/set-function-state.ts';
export { addReplay, type ReplaySpec } from './replay/replay-runs.ts';
export { rerunRun, type RerunOptions, type RerunResult } from './replay/rerun-run.ts';
export { withEditedInput } from './run/run-meta.ts';
export { sendSignal } from './signal/send-signal.ts';
export { commitEndpointOps, type EndpointCommit } from './endpoint/commit-endpoint-ops.ts';
export { startEndpointRun, type EndpointStart } from './endpoint/start-endpoint-run.ts';
export {
  publishLive,
  publishStream,
  relayStream,
  type ByteSource,
  type StreamOutcome,
} from './realtime/publish-live.ts';
export { RealtimeHub, type ListenLive, type LiveDelivery } from './realtime/realtime-hub.ts';
export { recordMetadata } from './told/record-metadata.ts';
export { recordSpans } from './told/record-spans.ts';
