import { ABORTED } from '../operations/defer.ts';
import { isWork } from '../operations/jobs.ts';
import { int, type Fields, type Findings, type Snapshot } from './snapshot.ts';

/** Every live run has its state, its jobs, and something that will continue it. */
export function checkRuns(store: Snapshot, findings: Findings): void {
  const live: string[] = [];
  const jobs = new Map(store.jobs());
  for (const [runId, run] of store.runs()) {
    live.push(runId);
    checkState(store, findings, runId, run);
    checkJobsOf(store, findings, jobs, runId, run);
  }
  findings.expectSame('live runs are those in the list', store.scores('runs').keys(), live);
  checkKeysOfRuns(store, findings);
  checkBacklogs(store, findings);
}

function checkState(store: Snapshot, findings: Findings, runId: string, run: Fields): void {
  const stack = store.set(`run|${runId}|sk`);
  const steps = Object.keys(store.doc(`run|${runId}|st`) ?? {});
  findings.expectSame(`memos of run ${runId} are those on its stack`, steps, stack);
  findings.expect(int(run['sl']) === stack.length, `run ${runId} knows the length of its stack, ${stack.length}`);
  findings.expect(int(run['steps']) >= stack.length, `run ${runId} counts at least the steps on its stack`);
  findings.expect(store.text(`run|${runId}|ev`) !== undefined, `run ${runId} has its events`);
  const defers = Object.entries(store.doc(`run|${runId}|df`) ?? {});
  const deferred = defers.filter(([, bytes]) => bytes !== ABORTED);
  findings.expect(int(run['dfn']) === defers.length, `run ${runId} knows its ${defers.length} deferred runs`);
  findings.expect(
    int(run['dfb']) === deferred.reduce((sum, [, bytes]) => sum + int(bytes), 0),
    `run ${runId} knows the size of its deferred runs`,
  );
  findings.expectSame(
    `deferred runs of ${runId} are those with a body`,
    Object.keys(store.doc(`run|${runId}|db`) ?? {}),
    deferred.map(([hash]) => hash),
  );
  const group = store.set(`run|${runId}|pg`);
  findings.expect(int(run['grp']) === group.length, `run ${runId} knows the size of its pending group`);
  const racers = store.set(`run|${runId}|pr`);
  findings.expect(int(run['rac']) === racers.length, `run ${runId} knows how many steps are racing`);
}

function checkJobsOf(
  store: Snapshot,
  findings: Findings,
  stored: Map<string, Fields>,
  runId: string,
  run: Fields,
): void {
  const jobIds = store.jobIdsOf(runId);
  const jobs = jobIds.map((jobId) => stored.get(jobId));
  findings.expect(!jobs.includes(undefined), `every job of run ${runId} exists`);
  const work = jobs.filter((job) => job && isWork(job['kind'] ?? ''));
  findings.expect(work.length > 0, `run ${runId} has something that continues it`);
  findings.expect(int(run['nj']) === work.length, `run ${runId} knows its ${work.length} outstanding jobs`);
  const leased = jobs.filter((job) => job?.['st'] === 'L').length;
  findings.expect(int(run['nl']) === leased, `run ${runId} knows its ${leased} leased jobs`);
  if (run['st'] === 'Scheduled') {
    findings.expect(jobIds.includes(`${runId}.start`), `run ${runId} waits for its start and has a start job`);
  }
}

function checkKeysOfRuns(store: Snapshot, findings: Findings): void {
  for (const [id, key] of store.ids('idem')) {
    const dedup = store.doc(key) ?? {};
    const run = store.doc(`run|${dedup['run']}`);
    if (run) findings.expect(id === `${run['fn']}|${run['dk']}`, `dedup key ${id} is that of run ${dedup['run']}`);
  }
  for (const [runId, run] of store.runs()) {
    findings.expect(store.doc(`idem|${run['fn']}|${run['dk']}`)?.['run'] === runId, `run ${runId} has its dedup key`);
  }
  for (const [id, key] of store.ids('sg')) {
    const run = store.doc(`run|${store.text(key)}`);
    findings.expect(run !== undefined && id === `${run['fn']}|${run['sg']}`, `singleton ${id} is held by a live run`);
  }
}

function checkBacklogs(store: Snapshot, findings: Findings): void {
  const waiting = new Map<string, string[]>();
  for (const [runId, run] of store.runs()) {
    const fn = run['fn'] ?? '';
    if (run['bl']) waiting.set(fn, [...(waiting.get(fn) ?? []), runId]);
    findings.expect(!run['bl'] || run['st'] === 'Scheduled', `run ${runId} is in the backlog until it starts`);
  }
  const functions = new Set([...Array.from(store.ids('back'), ([id]) => id), ...waiting.keys()]);
  for (const id of functions) findings.expectSame(`backlog of ${id}`, store.set(`back|${id}`), waiting.get(id) ?? []);
}
