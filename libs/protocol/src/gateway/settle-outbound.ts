import { type JsonValue, STEP_OUTPUT_BYTES_MAX } from '@perdure/domain';
import type { Op, SdkError } from '../answer/sdk-answer.ts';
import { errorMemo, outputTooLargeError } from '../answer/sdk-error.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import { isLargerThan } from '../json/json-bytes.ts';
import { parseJson } from '../json/parse-json.ts';
import { collectAiStream } from './collect-ai-stream.ts';
import type { OutboundAnswer } from './outbound-request.ts';

export type GatewayOp = Extract<Op, { kind: 'gateway' }>;
export type AiGatewayOp = Extract<Op, { kind: 'ai-gateway' }>;
/** An op whose request was made: its step is done, failed for now, or failed for good. */
export type SettledOp = Extract<Op, { kind: 'step-done' | 'step-error' | 'step-failed' }>;
type Answered = Extract<OutboundAnswer, { kind: 'answered' }>;

/** Of a provider's error, kept with the step. */
const QUOTED_CHARS_MAX = 64 * 1024;
/** Shorter ones are not secrets: to cut them out of an answer would only mutilate it. */
const SECRET_CHARS_MIN = 8;
const NULL_BODY_STATUSES: ReadonlySet<number> = new Set([204, 205, 304]);
/** They describe how the body travelled; what is stored is the body itself. */
const TRANSFER_HEADERS: ReadonlySet<string> = new Set(['content-encoding', 'content-length', 'transfer-encoding']);

/** Whether an op asks the platform for an HTTP request. */
export function isOutbound(op: Op): op is GatewayOp | AiGatewayOp {
  return op.kind === 'gateway' || op.kind === 'ai-gateway';
}

/** What the answer to an op's request makes of its step (sdk-protocol.md 6.4, 7.5). */
export function settleOutbound(op: GatewayOp | AiGatewayOp, answer: OutboundAnswer): SettledOp {
  if (answer.kind === 'too-large') return tooLarge(op);
  const settled = op.kind === 'gateway' ? settleGateway(op, answer) : settleAi(op, answer);
  return isLargerThan(settled.memo, STEP_OUTPUT_BYTES_MAX) ? tooLarge(op) : settled;
}

/** Any status is an answer that the function gets to see. */
function settleGateway(op: GatewayOp, answer: Exclude<OutboundAnswer, { kind: 'too-large' }>): SettledOp {
  if (answer.kind === 'failed') {
    return stepError(op, { name: 'GatewayError', message: `Error making gateway request: ${answer.reason}` });
  }
  return stepDone(op, {
    body: NULL_BODY_STATUSES.has(answer.status) && answer.body === '' ? null : answer.body,
    headers: headersOf(answer),
    status_code: answer.status,
    url: answer.url,
  });
}

function settleAi(op: AiGatewayOp, answer: Exclude<OutboundAnswer, { kind: 'too-large' }>): SettledOp {
  if (answer.kind === 'failed') return aiError(op, answer.reason);
  const body = withoutSecrets(answer.body, op.secrets);
  if (answer.status > 299) {
    const quoted = body.slice(0, QUOTED_CHARS_MAX);
    const parsed = parseJson(body.length === quoted.length ? body : '');
    return stepError(op, {
      name: 'AIGatewayError',
      message: `Error making AI request: unsuccessful status code: ${answer.status}`,
      data: parsed.ok ? parsed.value : quoted,
      stack: quoted,
    });
  }
  if (isEventStream(answer)) {
    const collected = collectAiStream(op.format, body);
    return collected.ok ? stepDone(op, collected.value) : aiError(op, collected.reason);
  }
  const parsed = parseJson(body);
  return stepDone(op, parsed.ok ? parsed.value : body);
}

function aiError(op: AiGatewayOp, reason: string): SettledOp {
  const message = `Error making AI request: ${withoutSecrets(reason, op.secrets)}`;
  return stepError(op, { name: 'AIGatewayError', message });
}

function isEventStream({ headers }: Answered): boolean {
  return headers['content-type']?.[0]?.trim().toLowerCase().startsWith('text/event-stream') === true;
}

/** Providers and what is in front of them like to repeat what they were sent, above all in errors. */
function withoutSecrets(text: string, secrets: readonly string[]): string {
  let cleaned = text;
  for (const secret of secrets) {
    if (secret.length >= SECRET_CHARS_MIN) cleaned = cleaned.replaceAll(secret, '[redacted]');
  }
  return cleaned;
}

/** As Go prints their names, for SDKs that look them up by exactly those. */
function headersOf({ headers }: Answered): Record<string, string> {
  const entries = Object.entries(headers).filter(([name]) => !TRANSFER_HEADERS.has(name));
  return Object.fromEntries(
    entries.map(([name, values]) => [
      name.replaceAll(/(?:^|-)[a-z]/g, (initial) => initial.toUpperCase()),
      values.join(','),
    ]),
  );
}

// ---------------------------------------------------------------------------------------------------------- steps

function stepDone({ hash, displayName, isRace }: GatewayOp | AiGatewayOp, data: JsonValue): SettledOp {
  return { kind: 'step-done', hash, displayName, isRace, memo: `{"data":${canonicalJson(data)}}` };
}

function stepError({ hash, displayName, isRace }: GatewayOp | AiGatewayOp, error: SdkError): SettledOp {
  return { kind: 'step-error', hash, displayName, isRace, error, memo: errorMemo(error) };
}

/** It would be as large the next time (execution.md PD-25). */
function tooLarge({ hash, displayName, isRace }: GatewayOp | AiGatewayOp): SettledOp {
  const error = outputTooLargeError(displayName);
  return { kind: 'step-failed', hash, displayName, isRace, error, memo: errorMemo(error) };
}
