export { recordingTelemetry, type RecordedSpan, type RecordingTelemetry } from './recording-telemetry.ts';
