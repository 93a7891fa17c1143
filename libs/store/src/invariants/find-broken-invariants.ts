import { checkBuffers } from './buffers.ts';
import { checkJobs } from './jobs.ts';
import { checkLanes } from './lanes.ts';
import { checkPauses } from './pauses.ts';
import { checkRuns } from './runs.ts';
import { Findings, int, Snapshot } from './snapshot.ts';

/** Every invariant of the stored data that does not hold, as a sentence. Takes a whole dump: for tests and doctor. */
export function findBrokenInvariants(dump: Readonly<Record<string, unknown>>): string[] {
  const store = new Snapshot(dump);
  const findings = new Findings();
  checkRuns(store, findings);
  checkJobs(store, findings);
  checkLanes(store, findings);
  checkPauses(store, findings);
  checkBuffers(store, findings);
  checkOutbox(store, findings);
  checkExpiries(store, findings);
  return findings.sentences;
}

/** Entries are there without a gap; ended runs are kept as long as an entry speaks of them. */
function checkOutbox(store: Snapshot, findings: Findings): void {
  const sys = store.doc('sys');
  const expected: string[] = [];
  for (let seq = int(sys?.['obhead']) + 1; seq <= int(sys?.['obseq']); seq++) expected.push(String(seq));
  const entries = [...store.ids('ob')];
  findings.expectSame(
    'outbox entries',
    entries.map(([seq]) => seq),
    expected,
  );
  const ended = entries.map(([, key]) => store.doc(key) ?? {}).filter((entry) => entry['kind'] === 'run-ended');
  findings.expectSame(
    'ended runs are those with an entry',
    store.ended(),
    ended.map((entry) => entry['run'] ?? ''),
  );
}

/** What ends of its own is looked at in time. */
function checkExpiries(store: Snapshot, findings: Findings): void {
  const expiries = store.scores('exp');
  for (const kind of ['idk', 'skip', 'sg', 'gcra', 'rl', 'wk', 'rsv']) {
    for (const [, key] of store.ids(kind)) findings.expect(expiries.has(key), `${key} expires`);
  }
  for (const [, key] of store.ids('idem')) {
    const isLive = store.doc(`run|${store.doc(key)?.['run']}`) !== undefined;
    findings.expect(isLive || expiries.has(key), `${key} expires, or its run lives`);
  }
}
