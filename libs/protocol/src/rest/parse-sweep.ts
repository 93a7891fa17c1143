import { type EpochMs, type JsonObject, type JsonValue, parseInstant, type RunStatus } from '@perdure/domain';
import { asJsonObject, jsonTypeOf, parseJson } from '../json/parse-json.ts';

/** How far the clock of whoever asks may be ahead. */
const CLOCK_SLACK_MS = 5_000;
const RUNS_PER_SECOND_DEFAULT = 50;
export const RUNS_PER_SECOND_MAX = 1_000;
const REPLAYED = ['Completed', 'Failed', 'Cancelled', 'Skipped'] as const satisfies RunStatus[];

/** Names of an app and one of its functions as the SDK has them, or their UUIDs. */
interface FunctionName {
  appId?: string;
  functionId: string;
}

export type CancellationRequest =
  | ({ ok: true; startedAfter?: EpochMs; startedBefore: EpochMs; if?: string } & Required<FunctionName>)
  /** One problem a line. */
  | { ok: false; error: string };

/** The body of `POST /v1/cancellations` (http-api.md 2.5). `checkExpression` answers what is wrong with an expression. */
export function parseCancellation(
  body: string,
  { now, checkExpression }: { now: EpochMs; checkExpression: (text: string) => string | undefined },
): CancellationRequest {
  const read = readFields(body);
  if (!read.ok) return read;
  const { fields, problems } = read;
  const appId = readName(fields, 'app_id', problems);
  const functionId = readName(fields, 'function_id', problems);
  if ((fields['started_before'] ?? null) === null) problems.push('started_before is required');
  const startedBefore = readInstant(fields, 'started_before', problems);
  const startedAfter = readInstant(fields, 'started_after', problems);
  checkRange({ from: startedAfter, until: startedBefore, now }, ['started_after', 'started_before'], problems);
  const condition = readExpression(fields['if'], checkExpression, problems);
  if (problems.length > 0 || startedBefore === undefined) return { ok: false, error: problems.join('\n') };
  return {
    ok: true,
    appId,
    functionId,
    startedBefore,
    ...(startedAfter !== undefined && { startedAfter }),
    ...(condition !== undefined && { if: condition }),
  };
}

export type ReplayRequest =
  | ({ ok: true; from: EpochMs; until: EpochMs; statuses: RunStatus[]; runsPerSecond: number } & FunctionName)
  | { ok: false; error: string };

/** The body of `POST /v1/replays`: `function_id`, `from`, and optionally `app_id`, `until`, `statuses`, `runs_per_second`. */
export function parseReplay(body: string, { now }: { now: EpochMs }): ReplayRequest {
  const read = readFields(body);
  if (!read.ok) return read;
  const { fields, problems } = read;
  const functionId = readName(fields, 'function_id', problems);
  const appId = (fields['app_id'] ?? null) === null ? undefined : readName(fields, 'app_id', problems);
  if ((fields['from'] ?? null) === null) problems.push('from is required');
  const from = readInstant(fields, 'from', problems);
  const until = readInstant(fields, 'until', problems);
  checkRange({ from, until, now }, ['from', 'until'], problems);
  const statuses = readStatuses(fields['statuses'] ?? null, problems);
  const runsPerSecond = readRate(fields['runs_per_second'] ?? null, problems);
  if (problems.length > 0 || from === undefined) return { ok: false, error: problems.join('\n') };
  return {
    ok: true,
    functionId,
    ...(appId !== undefined && { appId }),
    from,
    until: until ?? now,
    statuses,
    runsPerSecond,
  };
}

type ReadFields = { ok: true; fields: JsonObject; problems: string[] } | { ok: false; error: string };

function readFields(body: string): ReadFields {
  const parsed = parseJson(body);
  if (!parsed.ok) return { ok: false, error: `Invalid request body: ${parsed.message}` };
  const fields = asJsonObject(parsed.value);
  if (fields === undefined) return { ok: false, error: `expected an object, found ${jsonTypeOf(parsed.value)}` };
  return { ok: true, fields, problems: [] };
}

function readName(fields: JsonObject, name: string, problems: string[]): string {
  const value = fields[name] ?? '';
  if (typeof value === 'string' && value !== '') return value;
  problems.push(value === '' ? `${name} is required` : `${name}: expected a string, found ${jsonTypeOf(value)}`);
  return '';
}

function readInstant(fields: JsonObject, name: string, problems: string[]): EpochMs | undefined {
  const value = fields[name] ?? null;
  if (value === null) return undefined;
  const instant = typeof value === 'string' ? parseInstant(value) : undefined;
  if (instant === undefined) problems.push(`${name}: expected an RFC 3339 instant, found ${JSON.stringify(value)}`);
  return instant;
}

function checkRange(
  { from, until, now }: { from: EpochMs | undefined; until: EpochMs | undefined; now: EpochMs },
  [fromName, untilName]: [string, string],
  problems: string[],
): void {
  if (until !== undefined && until > now + CLOCK_SLACK_MS) problems.push(`${untilName} must be in the past`);
  if (from !== undefined && from >= (until ?? now)) problems.push(`${fromName} must be before ${untilName}`);
}

function readExpression(
  value: JsonValue | undefined,
  checkExpression: (text: string) => string | undefined,
  problems: string[],
): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') {
    problems.push(`if: expected a string, found ${jsonTypeOf(value)}`);
    return undefined;
  }
  const problem = checkExpression(value);
  if (problem !== undefined) problems.push(`if: ${problem}`);
  return value;
}

function readStatuses(value: JsonValue, problems: string[]): RunStatus[] {
  if (value === null) return ['Failed'];
  const given = Array.isArray(value) ? value : [value];
  const statuses = given.map((name) =>
    REPLAYED.find((status) => typeof name === 'string' && name.toLowerCase() === status.toLowerCase()),
  );
  const known = statuses.filter((status) => status !== undefined);
  if (known.length === 0 || known.length < given.length) {
    problems.push(`statuses: expected some of ${REPLAYED.join(', ')}, found ${JSON.stringify(value)}`);
  }
  return [...new Set(known)];
}

function readRate(value: JsonValue, problems: string[]): number {
  if (value === null) return RUNS_PER_SECOND_DEFAULT;
  if (typeof value === 'number' && value > 0 && value <= RUNS_PER_SECOND_MAX) return value;
  problems.push(`runs_per_second: expected a number up to ${RUNS_PER_SECOND_MAX}, found ${JSON.stringify(value)}`);
  return RUNS_PER_SECOND_DEFAULT;
}
