/** One thing that is wrong with a registration. Whole registrations are refused (execution.md 4.14). */
export interface ConfigProblem {
  /** Slug of the function; absent when the problem is the app's. */
  functionId?: string;
  /** Such as `throttle.period` or `triggers[0].event`. */
  path: string;
  /** Machine code, such as `throttle_period_invalid` (sdk-protocol.md 11.3). */
  code: string;
  message: string;
}

/** Codes that the protocol names; paths without indices. The first that begins the path counts. */
const NAMED_CODES: readonly (readonly [string, string])[] = [
  ['batchEvents.key', 'batch_key_expression_invalid'],
  ['batchEvents.if', 'batch_if_expression_invalid'],
  ['batchEvents.maxSize', 'batch_size_invalid'],
  ['batchEvents.timeout', 'batch_timeout_invalid'],
  ['concurrency', 'concurrency_limit_invalid'],
  ['keyed', 'concurrency_limit_invalid'],
  ['runConcurrency', 'concurrency_limit_invalid'],
  ['triggers.cron', 'schedule_invalid'],
  ['triggers.jitter', 'schedule_invalid'],
  ['triggers.event', 'event_name_invalid'],
  ['triggers.expression', 'trigger_expression_invalid'],
  ['steps.step.retries', 'retries_invalid'],
  ['steps.step.runtime.url', 'url_invalid'],
];
/** Options whose codes are made of their path: `rateLimit.period` is `rate_limit_period_invalid`. */
const DERIVED =
  /^(throttle|rateLimit|debounce|batchEvents|priority|singleton|timeouts|cancel|idempotency|retries|url|backlog|weight)\b/;

/** The machine code of a problem at this path. */
export function codeOfPath(path: string): string {
  const plain = path.replaceAll(/\[\d+\]/g, '');
  const named = NAMED_CODES.find(([start]) => plain === start || plain.startsWith(`${start}.`));
  if (named) return named[1];
  if (!DERIVED.test(plain)) return 'config_invalid';
  return `${plain.replaceAll('.', '_').replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_invalid`;
}

/** `['triggers', 0, 'event']` as `triggers[0].event`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}
