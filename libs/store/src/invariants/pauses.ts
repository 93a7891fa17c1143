import { jobKey, stepJobId } from '../operations/keys.ts';
import { int, type Fields, type Findings, type Snapshot } from './snapshot.ts';

/** Every pause belongs to a run, is found by its indexes, and ends by itself; indexes hold nothing else. */
export function checkPauses(store: Snapshot, findings: Findings): void {
  let pauses = 0;
  const indexed = new Map<string, string[]>();
  const paths = new Map<string, Record<string, number>>();
  for (const [pauseId, key] of store.ids('pz')) {
    const pause = store.doc(key) ?? {};
    pauses += 1;
    checkOwner(store, findings, pauseId, pause);
    collectIndex(pauseId, pause, indexed, paths);
  }
  findings.expect(int(store.doc('sys')?.['pauses']) === pauses, `sys counts ${pauses} pauses`);
  for (const kind of ['pzq', 'pzs']) {
    for (const [, key] of store.ids(kind)) {
      findings.expectSame(`pauses in ${key}`, store.scores(key).keys(), indexed.get(key) ?? []);
      indexed.delete(key);
    }
  }
  for (const key of indexed.keys()) findings.expect(false, `pauses are in their index ${key}`);
  for (const [, key] of store.ids('pzp')) {
    findings.expectSame(`counts of ${key}`, asPairs(store.doc(key) ?? {}), asPairs(paths.get(key) ?? {}));
    paths.delete(key);
  }
  for (const key of paths.keys()) findings.expect(false, `pauses are counted in ${key}`);
  checkCorrelations(store, findings);
}

function checkOwner(store: Snapshot, findings: Findings, pauseId: string, pause: Fields): void {
  const runId = pause['run'] ?? '';
  const isLive = store.doc(`run|${runId}`) !== undefined;
  findings.expect(isLive || store.scores('gc').has(runId), `pause ${pauseId} belongs to a live run or to garbage`);
  findings.expect(store.set(`run|${runId}|pz`).includes(pauseId), `run ${runId} knows its pause ${pauseId}`);
  if (!isLive) return;
  const job = store.doc(jobKey(stepJobId(runId, pause['hash'] ?? '')));
  const endsByItself = pause['kind'] === 'cancel' || (job?.['pause'] === pauseId && job['st'] === 'D');
  findings.expect(endsByItself, `pause ${pauseId} has the job of its timeout`);
}

function collectIndex(
  pauseId: string,
  pause: Fields,
  indexed: Map<string, string[]>,
  paths: Map<string, Record<string, number>>,
): void {
  if (pause['ev'] === undefined) return;
  const event = `${pause['env']}|${pause['ev']}`;
  const counts = paths.get(`pzp|${event}`) ?? {};
  paths.set(`pzp|${event}`, counts);
  const count = (name: string): void => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  const put = (key: string): void => {
    indexed.set(key, [...(indexed.get(key) ?? []), pauseId]);
  };
  count('n');
  const anchors = int(pause['an']);
  if (anchors === 0) put(`pzs|${event}`);
  for (let i = 0; i < anchors; i++) {
    put(`pzq|${event}|${pause[`a${i}`]}`);
    count(`p:${pause[`p${i}`]}`);
  }
}

function checkCorrelations(store: Snapshot, findings: Findings): void {
  for (const kind of ['inv', 'sig']) {
    for (const [id, key] of store.ids(kind)) {
      const pause = store.doc(`pz|${store.text(key)}`);
      findings.expect(pause !== undefined && id === `${pause['env']}|${pause['corr']}`, `${key} leads to a pause`);
    }
  }
}

function asPairs(counts: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(counts).map(([name, count]) => `${name}=${String(count)}`);
}
