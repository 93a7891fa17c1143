import { ACCOUNT_LIMIT_DEFAULT, FUNCTION_LIMIT_DEFAULT, UNLIMITED, WAKE_SCAN_MAX } from '../operations/bounds.ts';
import { laneCounters } from '../operations/counters.ts';
import type { Doc } from '../operations/docs.ts';
import { nextTokenAt } from '../operations/gcra.ts';
import { bucketOfLine, functionOfLine, isLine, lineOf, rateOfFunction } from '../operations/throttle.ts';
import { int, type Fields, type Findings, type Snapshot } from './snapshot.ts';

/** I1 to I4 and I6 of operations/lanes.ts: nothing that could run is forgotten, nothing is parked without reason. */
export function checkLanes(store: Snapshot, findings: Findings): void {
  const parked = new Set<string>();
  for (const [laneId, key] of store.ids('li')) checkLane(store, findings, laneId, store.doc(key) ?? {}, parked);
  for (const [functionId, key] of store.ids('fn'))
    checkFunction(store, findings, functionId, store.doc(key) ?? {}, parked);
  for (const [accountId, key] of store.ids('acct'))
    checkAccount(store, findings, accountId, store.doc(key) ?? {}, parked);
  for (const [laneId] of store.ids('lane')) {
    findings.expect(store.doc(`li|${laneId}`) !== undefined, `lane ${laneId} has a record`);
  }
  findings.expectSame(
    'lanes with a record are those in the list',
    Array.from(store.ids('li'), ([laneId]) => laneId),
    store.scores('lanes').keys(),
  );
  findings.expectSame(
    'functions with an account are those in the list',
    Array.from(store.ids('fn'))
      .filter(([, key]) => store.doc(key)?.['acct'])
      .map(([id]) => id),
    store.scores('fns').keys(),
  );
  for (const [awaited] of store.ids('cw')) {
    if (isLine(awaited)) {
      parked.add(awaited);
      checkLine(store, findings, awaited);
    } else {
      checkBaton(store, findings, awaited);
    }
  }
  findings.expectSame('what is parked has a timer', store.scores('parked').keys(), parked);
}

function checkLane(store: Snapshot, findings: Findings, laneId: string, lane: Fields, parked: Set<string>): void {
  const hasJobs = store.size(`lane|${laneId}`) > 0;
  const isRunnable = store.scores(`fr|${lane['fn']}|${lane['cls']}`).has(laneId);
  const isParked = Boolean(lane['par']);
  if (isParked) parked.add(`L|${laneId}`);
  findings.expect(isRunnable === (hasJobs && !isParked), `lane ${laneId} is runnable if it has jobs and is not parked`);
  findings.expect(hasJobs || !isParked, `lane ${laneId} is not parked while it is empty`);
  findings.expect(
    store.set(`fp|${lane['fn']}`).includes(laneId) === isParked,
    `lane ${laneId} is in fp if it is parked`,
  );
  const isCarrier = store.set(`bt|${lane['acct']}`).includes(laneId);
  findings.expect(isCarrier === Boolean(lane['bat']), `lane ${laneId} is in bt if it carries a baton`);
  findings.expect(Boolean(lane['pc']) === isParked, `lane ${laneId} waits for something if it is parked`);
  if (lane['pc'])
    findings.expect(store.scores(`cw|${lane['pc']}`).has(laneId), `lane ${laneId} waits for ${lane['pc']}`);
  findings.expect(store.scores('exp').has(`li|${laneId}`), `the record of lane ${laneId} expires`);
}

function checkFunction(store: Snapshot, findings: Findings, functionId: string, fn: Fields, parked: Set<string>): void {
  const hasLanes = runnableLanes(store, functionId).length > 0;
  const isListed = store.scores(`ar|${fn['acct']}`).has(functionId);
  const mayRun = !fn['par'] && fn['state'] !== 'paused';
  if (fn['acct']) findings.expect(isListed === (hasLanes && mayRun), `function ${functionId} is runnable if it can be`);
  if (!fn['par']) return;
  parked.add(`F|${functionId}`);
  const held = store.size(`ctr|f|${functionId}`);
  findings.expect(held >= functionLimit(fn), `function ${functionId} is parked while it is full: ${held}`);
}

function checkAccount(
  store: Snapshot,
  findings: Findings,
  accountId: string,
  account: Fields,
  parked: Set<string>,
): void {
  const hasFunctions = store.size(`ar|${accountId}`) > 0;
  const isListed = store.scores('acc').has(accountId);
  findings.expect(isListed === (hasFunctions && !account['par']), `account ${accountId} is runnable if it can be`);
  if (!account['par']) return;
  parked.add(`A|${accountId}`);
  const held = store.size(`ctr|a|${accountId}`);
  findings.expect(held >= accountLimit(account), `account ${accountId} is parked while it is full: ${held}`);
}

/** While a lane waits for the counter although it has room, another lane that uses it is about to be visited. */
function checkBaton(store: Snapshot, findings: Findings, counter: string): void {
  const held = store.size(`ctr|${counter}`);
  const waiting = [...store.scores(`cw|${counter}`).keys()].slice(0, WAKE_SCAN_MAX).filter((laneId) => {
    const lane = store.doc(`li|${laneId}`) ?? {};
    return !isBlocked(store, lane) && held < limitFor(store, lane, counter);
  });
  if (waiting.length === 0) return;
  const carriers = [...store.ids('li')].filter(([laneId, key]) => {
    const lane = store.doc(key) ?? {};
    const isRunnable = store.scores(`fr|${lane['fn']}|${lane['cls']}`).has(laneId);
    return isRunnable && !isBlocked(store, lane) && slotOf(lane, counter) !== undefined;
  });
  findings.expect(carriers.length > 0, `${counter} has room, and lanes wait for it: ${waiting.join(', ')}`);
}

/** While lanes wait in line, the timer stands no later than the next token, or another lane that may take it is about to be visited. */
function checkLine(store: Snapshot, findings: Findings, line: string): void {
  const functionId = functionOfLine(line);
  const fn = store.doc(`fn|${functionId}`) ?? {};
  const tat = store.text(`gcra|${bucketOfLine(line)}`);
  const rate = rateOfFunction(asDoc(fn));
  // What is left of a bucket that is full again may have been dropped.
  if (rate === undefined || tat === undefined || isBlocked(store, { fn: functionId, acct: fn['acct'] ?? '' })) return;
  const timer = store.scores('parked').get(line) ?? Infinity;
  const carriers = runnableLanes(store, functionId).filter(
    (laneId) => lineOf(asDoc(store.doc(`li|${laneId}`) ?? {})) === line,
  );
  const isInTime = timer <= Math.max(0, nextTokenAt(rate, int(tat)));
  findings.expect(isInTime || carriers.length > 0, `line ${line} is woken for its next token: at ${timer}`);
}

function asDoc(fields: Fields): Doc {
  return { key: '', stored: fields, changes: {}, isChanged: false };
}

function isBlocked(store: Snapshot, lane: Fields): boolean {
  const fn = store.doc(`fn|${lane['fn']}`) ?? {};
  return fn['state'] === 'paused' || Boolean(fn['par']) || Boolean(store.doc(`acct|${lane['acct']}`)?.['par']);
}

function slotOf(lane: Fields, counter: string): string | undefined {
  const counters = laneCounters(asDoc(lane));
  return counters.find(([name]) => name === counter)?.[1];
}

function limitFor(store: Snapshot, lane: Fields, counter: string): number {
  const limit = store.doc(`fn|${lane['fn']}`)?.[slotOf(lane, counter) ?? ''];
  return limit ? int(limit) : UNLIMITED;
}

function functionLimit(fn: Fields): number {
  return fn['lim'] ? int(fn['lim']) : FUNCTION_LIMIT_DEFAULT;
}

function accountLimit(account: Fields): number {
  return account['lim'] ? int(account['lim']) : ACCOUNT_LIMIT_DEFAULT;
}

function runnableLanes(store: Snapshot, functionId: string): string[] {
  return ['C', 'S'].flatMap((cls) => [...store.scores(`fr|${functionId}|${cls}`).keys()]);
}
