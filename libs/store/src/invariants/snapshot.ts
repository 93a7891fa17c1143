import { startJobId } from '../operations/keys.ts';
import { unclaimedStart } from '../operations/start-jobs.ts';

/** A dump by kinds of keys, for the checks. */
export type Fields = Readonly<Record<string, string>>;

export class Snapshot {
  readonly #dump: Readonly<Record<string, unknown>>;

  constructor(dump: Readonly<Record<string, unknown>>) {
    this.#dump = dump;
  }

  doc(key: string): Fields | undefined {
    return this.#dump[key] as Fields | undefined;
  }

  text(key: string): string | undefined {
    return this.#dump[key] as string | undefined;
  }

  set(key: string): string[] {
    return (this.#dump[key] as string[] | undefined) ?? [];
  }

  scores(key: string): Map<string, number> {
    return new Map((this.#dump[key] as [string, number][] | undefined) ?? []);
  }

  size(key: string): number {
    return ((this.#dump[key] as unknown[] | undefined) ?? []).length;
  }

  /** What follows `<kind>|` in the keys of that kind, as [id, key]. */
  *ids(kind: string): Iterable<[string, string]> {
    for (const key of Object.keys(this.#dump)) {
      if (key.startsWith(`${kind}|`)) yield [key.slice(kind.length + 1), key];
    }
  }

  /** Live runs as [id, record]. */
  *runs(): Iterable<[string, Fields]> {
    for (const [id, key] of this.ids('run')) {
      const doc = this.doc(key);
      if (!id.includes('|') && doc) yield [id, doc];
    }
  }

  /** All jobs, those included that have no record (operations/start-jobs.ts). */
  *jobs(): Iterable<[string, Fields]> {
    yield* this.storedJobs();
    for (const [runId, run] of this.runs()) {
      const doc = { key: '', stored: run, changes: {}, isChanged: false };
      if (run['sj']) yield [startJobId(runId), unclaimedStart(startJobId(runId), runId, doc).stored];
    }
  }

  /** The IDs of the jobs that a run knows. */
  jobIdsOf(runId: string): string[] {
    const jobIds = this.set(`run|${runId}|jb`);
    return this.doc(`run|${runId}`)?.['sj'] ? [startJobId(runId), ...jobIds] : jobIds;
  }

  *storedJobs(): Iterable<[string, Fields]> {
    for (const [id, key] of this.ids('run')) {
      const [, kind, jobId] = id.split('|');
      if (kind === 'job' && jobId !== undefined) yield [jobId, this.doc(key) ?? {}];
    }
  }

  /** Ended runs that are kept for the outbox. */
  *ended(): Iterable<string> {
    for (const [id] of this.ids('run')) {
      const [runId, kind] = id.split('|');
      if (kind === 'end' && runId !== undefined) yield runId;
    }
  }
}

export function int(text: string | undefined): number {
  return Number(text || 0);
}

/** Collects sentences about what does not hold. */
export class Findings {
  readonly sentences: string[] = [];

  expect(holds: boolean, sentence: string): void {
    if (!holds) this.sentences.push(sentence);
  }

  expectSame(what: string, actual: Iterable<string>, expected: Iterable<string>): void {
    const actualText = [...actual].toSorted().join(', ');
    const expectedText = [...expected].toSorted().join(', ');
    if (actualText !== expectedText) this.sentences.push(`${what}: found [${actualText}], expected [${expectedText}]`);
  }
}
