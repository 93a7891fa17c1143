import { isBufferTimer } from '../operations/buffers.ts';
import { requestCounters } from '../operations/jobs.ts';
import { int, type Fields, type Findings, type Snapshot } from './snapshot.ts';

/** Every job stands in exactly the set of its state, and counters are held by exactly what is in progress. */
export function checkJobs(store: Snapshot, findings: Findings): void {
  const due = store.scores('due');
  const leases = store.scores('lease');
  const delayed: string[] = [];
  const leased: string[] = [];
  const ready = new Map<string, string[]>();
  for (const [jobId, job] of store.jobs()) {
    const isKept = store.doc(`run|${job['run']}`) !== undefined || store.scores('gc').has(job['run'] ?? '');
    findings.expect(isKept, `job ${jobId} belongs to a live run or to garbage`);
    findings.expect(store.jobIdsOf(job['run'] ?? '').includes(jobId), `job ${jobId} is known by its run`);
    if (job['st'] === 'D') {
      delayed.push(jobId);
      findings.expect(due.get(jobId) === int(job['at']), `job ${jobId} is due at its instant`);
    } else if (job['st'] === 'R') {
      const lane = job['lane'] ?? '';
      ready.set(lane, [...(ready.get(lane) ?? []), jobId]);
    } else {
      leased.push(jobId);
      findings.expect(leases.get(jobId) === int(job['exp']), `job ${jobId} has its lease`);
      findings.expect(Boolean(job['tok']), `job ${jobId} is leased under a token`);
    }
  }
  findings.expectSame(
    'delayed jobs are those in due',
    [...due.keys()].filter((entry) => !isBufferTimer(entry)),
    delayed,
  );
  findings.expectSame('leased jobs are those in lease', leases.keys(), leased);
  checkLaneContents(store, findings, ready);
  checkCounters(store, findings);
}

function checkLaneContents(store: Snapshot, findings: Findings, ready: Map<string, string[]>): void {
  for (const [laneId, key] of store.ids('lane')) {
    const jobs = store.scores(key);
    findings.expectSame(`lane ${laneId} holds its ready jobs`, jobs.keys(), ready.get(laneId) ?? []);
    ready.delete(laneId);
  }
  for (const [laneId, jobs] of ready) findings.expect(false, `jobs ${jobs.join(', ')} are in their lane ${laneId}`);
}

function checkCounters(store: Snapshot, findings: Findings): void {
  const expected = new Map<string, Set<string>>();
  const hold = (counter: string, holder: string): void => {
    expected.set(counter, (expected.get(counter) ?? new Set()).add(holder));
  };
  for (const [jobId, job] of store.jobs()) {
    const run = store.doc(`run|${job['run']}`);
    if (job['st'] !== 'L' || run === undefined) continue;
    for (const counter of countersOf(run)) hold(counter, job['hold'] || jobId);
  }
  for (const [runId, run] of store.runs()) {
    if (run['st'] === 'Running' && run['r']) hold(`r|${run['r']}`, runId);
  }
  const counters = new Set([...Array.from(store.ids('ctr'), ([id]) => id), ...expected.keys()]);
  for (const counter of counters) {
    findings.expectSame(`holders of ${counter}`, store.set(`ctr|${counter}`), expected.get(counter) ?? []);
  }
}

function countersOf(run: Fields): string[] {
  return requestCounters({ key: '', stored: run, changes: {}, isChanged: false });
}
