import { type JsonObject, type JsonValue, STEP_OUTPUT_BYTES_MAX } from '@perdure/domain';
import { canonicalJson } from '../json/canonical-json.ts';
import { asJsonObject } from '../json/parse-json.ts';
import type { SdkError } from './sdk-answer.ts';

/** Machine codes of failed attempts that the platform gives, not the function (sdk-protocol.md 11.3). */
export const ANSWER_CODES = {
  notSdk: 'not_sdk',
  httpNotOk: 'http_not_ok',
  httpUnreachable: 'http_unreachable',
  outputTooLarge: 'output_too_large',
  requestDurationTooLong: 'request_duration_too_long',
  /** The application says that our signature is wrong. */
  signatureRefused: 'sig_verification_failed',
  /** An SDK answered, but not as the protocol has it. */
  answerInvalid: 'answer_invalid',
} as const;

/** An error that an SDK sent, with string name and message whatever it sent, without the SDK's own `__serialized`. */
export function toSdkError(error: JsonObject, fallback: { name: string; message: string }): SdkError {
  const { __serialized: _, name, message, stack, ...more } = error;
  return {
    ...more,
    name: textOf(name) ?? fallback.name,
    message: textOf(message) ?? textOf(more['error']) ?? fallback.message,
    ...(typeof stack === 'string' && { stack }),
  };
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The memo of a failed step: `{"error":...}` and nothing beside it, for Python reads no other form (sdk-protocol.md 6.4). */
export function errorMemo(error: SdkError): string {
  return `{"error":${errorJson(error)}}`;
}

/** Canonical JSON of an error. */
export function errorJson(error: SdkError): string {
  return canonicalJson(error as JsonObject);
}

/**
 * The error of a step whose output is not stored: final, and catchable by user code (execution.md PD-25). Go cannot read the
 * error of a step that has no `data`, and would fail the function instead.
 */
export function outputTooLargeError(displayName: string): SdkError {
  return {
    name: ANSWER_CODES.outputTooLarge,
    message: `The output of step "${displayName}" is larger than ${STEP_OUTPUT_BYTES_MAX} bytes`,
    data: null,
  };
}

/** What a function threw, from the body of its answer: any JSON, or text. */
export function functionErrorOf(body: JsonValue): SdkError {
  const object = asJsonObject(body);
  if (object !== undefined) return toSdkError(object, { name: 'Error', message: canonicalJson(body) });
  return { name: 'Error', message: typeof body === 'string' ? body : canonicalJson(body) };
}
