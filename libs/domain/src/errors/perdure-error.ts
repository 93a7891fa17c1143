/** The base of every exception thrown on purpose: a stable `code`, the facts as fields, the cause kept. */
export class PerdureError extends Error {
  readonly code: string;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, { cause, ...facts }: { cause?: unknown; [fact: string]: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.facts = facts;
  }
}

/** Throws when a condition that must hold does not; `why` says why it must. */
export function assert(condition: unknown, why: string, facts: Record<string, unknown> = {}): asserts condition {
  if (!condition) throw new PerdureError('INVARIANT_BROKEN', why, facts);
}

/** The end of an exhaustive switch. */
export function assertNever(value: never): never {
  throw new PerdureError('UNREACHABLE', `unexpected value: ${JSON.stringify(value)}`);
}
