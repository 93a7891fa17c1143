import { jobKey, stepJobId } from '../operations/keys.ts';
import { int, type Fields, type Findings, type Snapshot } from './snapshot.ts';

/** Every pause belongs to a run, is found by its indexes, and ends by itself; indexes hold nothing else. */
export function checkPauses(store: Snapshot, findings: Findings): void {
  const expected = new Map<string, string[]>();
  const paths = new Map<string, Record<string, string>>();
  const pauses: string[] = [];
  for (const [pauseId, key] of store.ids('pz')) {
    const pause = store.doc(key) ?? {};
    pauses.push(pauseId);
    checkOwner(store, findings, pauseId, pause);
    collectIndex(pauseId, pause, expected, paths);
  }
  findings.expectSame('pauses are those in the list', store.scores('pauses').keys(), pauses);
  for (const kind of ['pzq', 'pzs', 'pzx']) {
    for (const [, key] of store.ids(kind)) {
      findings.expectSame(`pauses in ${key}`, store.scores(key).keys(), expected.get(key) ?? []);
      expected.delete(key);
    }
  }
  for (const key of expected.keys()) findings.expect(false, `pauses are in their index ${key}`);
  for (const [, key] of store.ids('pzp')) {
    findings.expectSame(`paths of ${key}`, asPairs(store.doc(key) ?? {}), asPairs(paths.get(key) ?? {}));
    paths.delete(key);
  }
  for (const key of paths.keys()) findings.expect(false, `paths are noted in ${key}`);
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
  expected: Map<string, string[]>,
  paths: Map<string, Record<string, string>>,
): void {
  if (pause['ev'] === undefined) return;
  const event = `${pause['env']}|${pause['ev']}`;
  const inUse = paths.get(`pzp|${event}`) ?? {};
  paths.set(`pzp|${event}`, inUse);
  const put = (key: string): void => {
    expected.set(key, [...new Set([...(expected.get(key) ?? []), pauseId])]);
  };
  const anchors = int(pause['an']);
  if (anchors === 0) {
    put(`pzs|${event}`);
    inUse['u'] = '1';
  }
  for (let i = 0; i < anchors; i++) {
    const path = pause[`p${i}`] ?? '';
    put(`pzq|${event}|${pause[`a${i}`]}`);
    put(`pzx|${event}|${path}`);
    inUse[`p:${path}`] = pause[`r${i}`] ?? path;
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

function asPairs(fields: Fields): string[] {
  return Object.entries(fields).map(([name, value]) => `${name}=${value}`);
}
