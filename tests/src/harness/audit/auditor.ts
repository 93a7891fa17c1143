import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { expect, type TestContext } from 'vitest';

import { until } from '../poll.ts';
import type { ServerApi } from '../server-api.ts';
import type { AuditAnswer, AuditQuestion } from './audit-app.ts';
import { ENDINGS } from './audited-functions.ts';
import type { AcknowledgedEvent, AuditReport } from './ledger.ts';

/** Jobs of a killed process wait for their leases to run out: 30 s, and 5 s until that is noticed (execution.md 7.2). */
const DRAIN_MS_MAX = 120_000;

/** The application that is called by the system under test and knows what it must see. */
export interface Auditor {
  /** The serve URL. */
  readonly url: string;
  /** `servedAt`: where it is to be called, such as a proxy's address. */
  register(serverUrl: string, servedAt?: string): Promise<void>;
  report(): Promise<AuditReport>;
  /** Resolves when every function of every acknowledged event has an ended run. */
  waitForEnds(events: readonly AcknowledgedEvent[], waitMs?: number): Promise<void>;
}

/** Starts the auditor's application for one test. */
export async function startAuditor(ctx: TestContext): Promise<Auditor> {
  const child: ChildProcess = fork(fileURLToPath(new URL('./audit-app.ts', import.meta.url)), {
    execArgv: ['--conditions=perdure-source', '--no-warnings'],
    execPath: process.execPath,
  });
  ctx.onTestFinished(() => void child.kill('SIGKILL'));
  // One question at a time: answers carry no number.
  let last: Promise<unknown> = Promise.resolve();
  const ask = <K extends AuditQuestion['kind']>(
    question: Extract<AuditQuestion, { kind: K }>,
  ): Promise<Extract<AuditAnswer, { kind: K extends 'register' ? 'registered' : K }>> => {
    const answer = last.then(async () => {
      child.send(question);
      const [message] = (await once(child, 'message')) as [never];
      return message;
    });
    last = answer;
    return answer;
  };

  const { url } = await ask({ kind: 'url' });
  const report = async (): Promise<AuditReport> => (await ask({ kind: 'report' })).report;
  const waitForEnds = async (events: readonly AcknowledgedEvent[], waitMs = DRAIN_MS_MAX): Promise<void> => {
    let missing = { count: events.length, examples: [] as string[] };
    const look = async () => {
      missing = await ask({ kind: 'missing', events: [...events] });
      return missing.count === 0 || undefined;
    };
    const describe = () => `${missing.count} of ${events.length} are missing, such as ${missing.examples.join(', ')}`;
    await until('the ends of all runs of acknowledged events', look, { waitMs, describe });
  };

  return {
    url,
    register: async (serverUrl, servedAt) =>
      void (await ask({ kind: 'register', serverUrl, ...(servedAt !== undefined && { servedAt }) })),
    report,
    waitForEnds,
  };
}

/**
 * Waits until everything has ended, and expects that every promise was kept. `api` is there to send a last event: an end
 * that came twice has come twice by the time that it has come through. `hasLostWrites`: the store has forgotten what
 * it answered last, so that steps may have to run again, with another output, and runs too.
 */
export async function expectPromisesKept(
  auditor: Auditor,
  api: ServerApi,
  events: readonly AcknowledgedEvent[],
  { waitMs, hasLostWrites = false }: { waitMs?: number; hasLostWrites?: boolean } = {},
): Promise<AuditReport> {
  await auditor.waitForEnds(events, waitMs);
  const name = 'audit/one';
  await auditor.waitForEnds([{ name, id: await api.sendOne({ name }) }]);
  const report = hasLostWrites ? await auditor.report() : await reportOnceNothingIsOpen(auditor);
  expect(report.inventions).toEqual([]);
  if (!hasLostWrites) {
    expect(report.changes).toEqual([]);
    expect(report.finishedTwice).toEqual([]);
    expect(report.ranTwice).toEqual([]);
  }
  for (const ending of Object.keys(report.endings)) {
    const [slug = '', status] = ending.split(' ');
    expect(ENDINGS[slug] ?? ['Completed'], slug).toContain(status);
  }
  return report;
}

/** Events that were not acknowledged may have been taken all the same: their runs end too. */
async function reportOnceNothingIsOpen(auditor: Auditor): Promise<AuditReport> {
  let report = await auditor.report();
  const look = async () => {
    report = await auditor.report();
    return report.open.length === 0 || undefined;
  };
  const describe = () => report.open.join(', ');
  await until('every run that was called to end', look, { waitMs: DRAIN_MS_MAX, describe });
  return report;
}
