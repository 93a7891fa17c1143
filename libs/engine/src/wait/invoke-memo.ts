import { type JsonValue, type SkipReason, STEP_OUTPUT_BYTES_MAX } from '@perdure/domain';
import { asJsonObject, canonicalJson, errorMemo, runErrorOf, type SdkError } from '@perdure/protocol';

const MESSAGE_CHARS_MAX = 10_000;

/** What an invoke's step is told of the end of the run that it started (sdk-protocol.md 6.4, 7.5; execution.md 5.10). */
export function invokeMemo(end: {
  status: JsonValue | undefined;
  result?: JsonValue | undefined;
  error?: JsonValue | undefined;
}): string {
  switch (end.status) {
    case 'Completed':
      return completedMemo(end.result ?? null);
    case 'Cancelled':
      return errorMemo(named('InngestInvokeCancelledError', 'The invoked function was cancelled'));
    default:
      return failedMemo(asJsonObject(end.error) === undefined ? runErrorOf(end.result) : runErrorOf(end.error));
  }
}

/** An error that is too large for a step keeps its name and as much of its message as anyone reads. */
function failedMemo(error: SdkError): string {
  const memo = errorMemo(error);
  if (Buffer.byteLength(memo) <= STEP_OUTPUT_BYTES_MAX) return memo;
  return errorMemo(named(error.name.slice(0, MESSAGE_CHARS_MAX), error.message.slice(0, MESSAGE_CHARS_MAX)));
}

function completedMemo(result: JsonValue): string {
  const memo = `{"data":${canonicalJson(result)}}`;
  if (Buffer.byteLength(memo) <= STEP_OUTPUT_BYTES_MAX) return memo;
  const message = `The output of the invoked function is larger than ${STEP_OUTPUT_BYTES_MAX} bytes`;
  return errorMemo(named('output_too_large', message));
}

/** What it is told when no run was started. */
export function notInvokedMemo(
  why: { kind: 'rate-limited' } | { kind: 'duplicate' } | { kind: 'skipped'; reason: SkipReason },
): string {
  switch (why.kind) {
    case 'rate-limited':
      return errorMemo({ name: 'Error', message: 'invoked function is rate limited' });
    case 'duplicate':
      return errorMemo(skipped('an earlier run has the same idempotency key'));
    case 'skipped':
      return errorMemo(skipped(why.reason));
  }
}

function skipped(reason: string): SdkError {
  return named('InngestInvokeSkippedError', `The invoked function was not run: ${reason}`);
}

function named(name: string, message: string): SdkError {
  return { error: `${name}: ${message}`, name, message };
}
