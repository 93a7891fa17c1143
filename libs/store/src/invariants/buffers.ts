import { bufferEntry, isBufferTimer } from '../operations/buffers.ts';
import { int, type Fields, type Findings, type Snapshot } from './snapshot.ts';

/** What a buffer holds, open or closed. */
interface Held {
  bufferId: string;
  events: number;
  callers: number;
  isClosed: boolean;
}

/** Every open buffer is in the list and closes by itself; events are held for open buffers and for those that are to be told. */
export function checkBuffers(store: Snapshot, findings: Findings): void {
  const due = store.scores('due');
  const held: Held[] = [];
  const entries: string[] = [];
  for (const [place, key] of store.ids('bf')) {
    const buffer = store.doc(key) ?? {};
    const entry = bufferEntry(buffer['id'] ?? '', place);
    entries.push(entry);
    findings.expect(due.get(`B|${entry}`) === int(buffer['at']), `buffer ${entry} is due at its instant`);
    held.push(toHeld(buffer['id'], buffer, false));
  }
  findings.expectSame('open buffers are those in the list', store.scores('buffers').keys(), entries);
  findings.expectSame(
    'timers of buffers are those of open ones',
    [...due.keys()].filter(isBufferTimer),
    entries.map((entry) => `B|${entry}`),
  );
  for (const [, key] of store.ids('ob')) {
    const entry = store.doc(key) ?? {};
    if (entry['kind'] === 'buffer-closed') held.push(toHeld(entry['buf'], entry, true));
  }
  checkItems(store, findings, held);
}

function toHeld(bufferId: string | undefined, counted: Fields, isClosed: boolean): Held {
  return { bufferId: bufferId ?? '', events: int(counted['n']), callers: int(counted['nc']), isClosed };
}

function checkItems(store: Snapshot, findings: Findings, held: Held[]): void {
  findings.expectSame(
    'events are held for buffers that are open or to be told',
    Array.from(store.ids('bi'), ([bufferId]) => bufferId),
    held.map(({ bufferId }) => bufferId),
  );
  for (const { bufferId, events, callers, isClosed } of held) {
    const fields = [
      ...Array.from({ length: events }, (_, index) => [`e${index}`, `m${index}`]).flat(),
      ...Array.from({ length: callers }, (_, index) => `c${index}`),
      ...(isClosed ? ['z'] : []),
    ];
    findings.expectSame(`what buffer ${bufferId} holds`, Object.keys(store.doc(`bi|${bufferId}`) ?? {}), fields);
  }
}
