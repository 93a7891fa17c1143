export { aFlowControl, aFunction, anEvent } from './builders/builders.ts';
export { testIds } from './ids/test-ids.ts';
export { startMischief, type Mischief, type MischiefOptions } from './proxy/mischief.ts';
export { startTcpProxy, type Stalled, type TcpProxy, type TcpProxyOptions } from './proxy/tcp-proxy.ts';
export { inBandSync, registration, type ScriptedFunction } from './scripted-app/registration.ts';
export {
  completed,
  failed,
  fromSdk,
  garbage,
  hang,
  invokeOp,
  ops,
  raw,
  reset,
  runCompleteOp,
  SDK_HEADER_VALUE,
  sleepOp,
  stepErrorOp,
  stepFailedOp,
  stepHash,
  stepPlannedOp,
  stepRunOp,
  streamed,
  waitForEventOp,
  type Reply,
  type WireOp,
} from './scripted-app/replies.ts';
export { startScriptedApp, type ScriptedApp, type ScriptedAppOptions } from './scripted-app/scripted-app.ts';
export { ScriptedCall, type CallContext, type CallEvent } from './scripted-app/scripted-call.ts';
export {
  always,
  completes,
  failsThen,
  inTurn,
  parallelSteps,
  sequentialSteps,
  sleeps,
  stepFailsThenCompletes,
  type Script,
} from './scripted-app/scripts.ts';
export { TEST_START_AT, testClock, type TestClock } from './time/test-clock.ts';
export { testSignal, type TestSignal } from './time/test-signal.ts';
