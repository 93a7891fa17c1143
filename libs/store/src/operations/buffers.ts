import { ANSWER_BYTES_MAX } from './bounds.ts';
import { changeInt, field, intField, newDoc, openDoc, saveDoc, type Doc } from './docs.ts';
import { bufferItemsKey, bufferKey, BUFFERS, DUE, SYS } from './keys.ts';
import { whole } from './numbers.ts';
import type { Op } from './op.ts';
import { appendOutbox } from './outbox.ts';
import { mayRepair, type Repair } from './repair.ts';
import type { Tx } from './tx.ts';

/*
 * Events that wait with others before there is a run (execution.md 4.5, 4.6). A buffer has a place: function, kind and key.
 *
 *   (none) →(event) open →(time is up, or it is full) closed: in the outbox →(acknowledged) gone
 *
 * B1 A place has one open buffer at most: its record (`bf`). It stands in the list `buffers` and, with the instant at which it
 *    closes, in `due`, both under its entry `<ID>|<place>`; the list is written first and left last.
 * B2 What it holds lies apart, under its ID (`bi`): closing it drops the record and tells the outbox where the events are, so that
 *    the next event opens another one. They go when the outbox entry is acknowledged.
 * B3 No event enters a buffer whose time is up: that one is closed first, whoever comes upon it.
 */

export interface BufferArgs {
  kind: 'debounce' | 'batch';
  key: string;
  /** debounce: it closes this long after the last event. */
  periodMs?: number;
  /** It closes this long after the first event, at the latest. */
  timeoutMs?: number;
  /** debounce: the event's own time. */
  eventAt?: number;
  /** batch: it closes with so many events, or with so many bytes of them. */
  eventsMax?: number;
  bytesMax?: number;
  metaBytes: number;
  callerBytes: number;
}

export interface BufferedEvent {
  runId: string;
  functionId: string;
  events: string;
  eventsBytes: number;
  meta: string;
  correlationId?: string;
}

export interface Joined {
  bufferId: string;
  isClosed: boolean;
}

/** Prefix of entries in `due`: no job's ID has the separator. */
const TIMER = 'B|';
/** Field of a closed buffer's items. */
const CLOSED = 'z';

/** An event opens a buffer, or enters the one that is open at its place. 5 commands, 3 more for the first, 6 for the one that fills it. */
export function joinBuffer(op: Op, event: BufferedEvent, spec: BufferArgs): Joined {
  const place = event.functionId + '|' + spec.kind + '|' + spec.key;
  const open = findOpen(op, place);
  if (hasOpenedOne(op, open, event.runId)) return { bufferId: event.runId, isClosed: false };
  const buffer = open ?? openBuffer(op, place, event.runId);
  const bufferId = field(buffer, 'id');
  if (event.correlationId !== undefined) addCaller(op, buffer, event.correlationId, spec.callerBytes);
  if (spec.kind === 'debounce') keepLatest(op, buffer, event, spec);
  else append(op, buffer, event, spec);
  if (isFull(buffer, spec)) {
    closeBuffer(op, place, buffer);
    return { bufferId, isClosed: true };
  }
  setTimer(op, place, buffer, spec);
  saveDoc(op.tx, buffer);
  return { bufferId, isClosed: false };
}

/** The open buffer of the place, unless its time is up. */
function findOpen(op: Op, place: string): Doc | undefined {
  const buffer = openDoc(op.tx, bufferKey(place));
  if (buffer === undefined || intField(buffer, 'at') > op.now) return buffer;
  closeBuffer(op, place, buffer);
  return undefined;
}

/** A repeat that comes so late that the dedup key is forgotten, while the buffer that it opened is still to be told. */
function hasOpenedOne(op: Op, open: Doc | undefined, runId: string): boolean {
  return open === undefined ? op.tx.mhas(bufferItemsKey(runId), 'e0') : field(open, 'id') === runId;
}

function openBuffer(op: Op, place: string, bufferId: string): Doc {
  op.tx.zadd(BUFFERS, op.tx.hincr(SYS, 'seq', 1), bufferEntry(bufferId, place));
  return newDoc(bufferKey(place), { id: bufferId, first: whole(op.now) });
}

/** Every caller is told of the run, whichever event it is for. */
function addCaller(op: Op, buffer: Doc, correlationId: string, bytes: number): void {
  const callers = intField(buffer, 'nc');
  op.tx.mset(bufferItemsKey(field(buffer, 'id')), 'c' + whole(callers), correlationId);
  changeInt(buffer, 'nc', callers + 1);
  changeInt(buffer, 'cb', intField(buffer, 'cb') + bytes);
}

/** An event that is older than the one that is kept has no effect. */
function keepLatest(op: Op, buffer: Doc, event: BufferedEvent, spec: BufferArgs): void {
  const eventAt = spec.eventAt ?? op.now;
  if (intField(buffer, 'n') > 0 && eventAt < intField(buffer, 'ets')) return;
  putItem(op, buffer, 0, event);
  changeInt(buffer, 'n', 1);
  changeInt(buffer, 'ets', eventAt);
  changeInt(buffer, 'eb', event.eventsBytes);
  changeInt(buffer, 'mb', spec.metaBytes);
  const at = op.now + (spec.periodMs ?? 0);
  const last = intField(buffer, 'first') + (spec.timeoutMs ?? 0);
  changeInt(buffer, 'at', spec.timeoutMs === undefined ? at : Math.min(at, last));
}

function append(op: Op, buffer: Doc, event: BufferedEvent, spec: BufferArgs): void {
  const length = intField(buffer, 'n');
  putItem(op, buffer, length, event);
  changeInt(buffer, 'n', length + 1);
  changeInt(buffer, 'eb', intField(buffer, 'eb') + event.eventsBytes);
  changeInt(buffer, 'mb', intField(buffer, 'mb') + spec.metaBytes);
  if (length === 0) changeInt(buffer, 'at', op.now + (spec.timeoutMs ?? 0));
}

function putItem(op: Op, buffer: Doc, index: number, event: BufferedEvent): void {
  const items = bufferItemsKey(field(buffer, 'id'));
  op.tx.mset(items, 'e' + whole(index), event.events);
  op.tx.mset(items, 'm' + whole(index), event.meta);
}

function isFull(buffer: Doc, spec: BufferArgs): boolean {
  if (spec.kind === 'debounce') return false;
  return intField(buffer, 'n') >= (spec.eventsMax ?? 1) || intField(buffer, 'eb') >= (spec.bytesMax ?? 0);
}

function setTimer(op: Op, place: string, buffer: Doc, spec: BufferArgs): void {
  const isMoved = spec.kind === 'debounce' || intField(buffer, 'n') === 1;
  if (isMoved) op.tx.zadd(DUE, intField(buffer, 'at'), timerOf(bufferEntry(field(buffer, 'id'), place)));
}

/** Its events are told from now on, and no other enters it. 6 commands. */
function closeBuffer(op: Op, place: string, buffer: Doc): void {
  const bufferId = field(buffer, 'id');
  const size = intField(buffer, 'eb') + intField(buffer, 'mb') + intField(buffer, 'cb');
  tellClosed(op, place, bufferId, { n: field(buffer, 'n'), nc: field(buffer, 'nc'), size: whole(size) });
  op.tx.hdrop(bufferKey(place));
  forgetEntry(op, bufferEntry(bufferId, place));
}

function tellClosed(op: Op, place: string, bufferId: string, counted: { n: string; nc: string; size: string }): void {
  const parts = place.split('|');
  const entry: Record<string, string> = {
    kind: 'buffer-closed',
    buf: bufferId,
    fn: parts[0] ?? '',
    bk: parts[1] ?? '',
  };
  op.tx.mset(bufferItemsKey(bufferId), CLOSED, '1');
  appendOutbox(op, { ...entry, ...counted });
}

function forgetEntry(op: Op, entry: string): void {
  op.tx.zrem(DUE, timerOf(entry));
  op.tx.zrem(BUFFERS, entry);
}

/** The outbox entry is acknowledged. */
export function dropItems(tx: Tx, bufferId: string): void {
  tx.mdrop(bufferItemsKey(bufferId));
}

// --------------------------------------------------------------------------------------------------------- timers

export function bufferEntry(bufferId: string, place: string): string {
  return bufferId + '|' + place;
}

function timerOf(entry: string): string {
  return TIMER + entry;
}

export function isBufferTimer(dueEntry: string): boolean {
  return dueEntry.substring(0, 2) === TIMER;
}

function placeOf(entry: string): string {
  return entry.substring(entry.indexOf('|') + 1);
}

function bufferIdOf(entry: string): string {
  return entry.substring(0, entry.indexOf('|'));
}

/** The open buffer that the entry names. */
function openByEntry(op: Op, entry: string): Doc | undefined {
  const buffer = openDoc(op.tx, bufferKey(placeOf(entry)));
  return buffer === undefined || field(buffer, 'id') !== bufferIdOf(entry) ? undefined : buffer;
}

/** Its time is up. A timer of a buffer that is closed already does nothing. */
export function fireBuffer(op: Op, dueEntry: string): void {
  const entry = dueEntry.substring(2);
  const buffer = openByEntry(op, entry);
  if (buffer === undefined) op.tx.zrem(DUE, dueEntry);
  else if (intField(buffer, 'at') > op.now) op.tx.zadd(DUE, intField(buffer, 'at'), dueEntry);
  else closeBuffer(op, placeOf(entry), buffer);
}

// ---------------------------------------------------------------------------------------------------- reconciling

/** An entry of the list: its buffer is open and closes by itself. */
export function reconcileBuffer(repair: Repair, entry: string): void {
  const { op } = repair;
  const buffer = openByEntry(op, entry);
  if (buffer === undefined) {
    if (!mayRepair(repair, 'buffer ' + entry + ' is listed and has no record')) return;
    repair.places += 1;
    tellLost(op, entry);
    forgetEntry(op, entry);
    return;
  }
  if (!op.tx.mhas(bufferItemsKey(field(buffer, 'id')), 'e0')) {
    if (!mayRepair(repair, 'buffer ' + entry + ' has lost its events')) return;
    repair.places += 1;
    // Nothing can be told of it.
    op.tx.hdrop(buffer.key);
    dropItems(op.tx, field(buffer, 'id'));
    forgetEntry(op, entry);
    return;
  }
  const at = intField(buffer, 'at');
  if (op.tx.zscore(DUE, timerOf(entry)) === at) return;
  if (!mayRepair(repair, 'buffer ' + entry + ' does not close at its instant')) return;
  repair.places += 1;
  op.tx.zadd(DUE, at, timerOf(entry));
}

/** The record is lost, the events are not: they were accepted, so they are told. */
function tellLost(op: Op, entry: string): void {
  const bufferId = bufferIdOf(entry);
  const items = bufferItemsKey(bufferId);
  if (!op.tx.mhas(items, 'e0') || op.tx.mhas(items, CLOSED)) return;
  let n = 0;
  while (op.tx.mhas(items, 'e' + whole(n))) n += 1;
  let nc = 0;
  while (op.tx.mhas(items, 'c' + whole(nc))) nc += 1;
  // How large they are is not known any more: the outbox tells them by themselves.
  tellClosed(op, placeOf(entry), bufferId, { n: whole(n), nc: whole(nc), size: whole(ANSWER_BYTES_MAX) });
}

/** A timer: its buffer is open and in the list. */
export function reconcileBufferTimer(repair: Repair, dueEntry: string): void {
  const { op } = repair;
  const entry = dueEntry.substring(2);
  if (openByEntry(op, entry) === undefined) {
    if (!mayRepair(repair, 'buffer ' + entry + ' is due and has no record')) return;
    repair.places += 1;
    op.tx.zrem(DUE, dueEntry);
    return;
  }
  if (op.tx.zscore(BUFFERS, entry) !== undefined) return;
  if (!mayRepair(repair, 'buffer ' + entry + ' is not listed')) return;
  repair.places += 1;
  op.tx.zadd(BUFFERS, op.tx.hincr(SYS, 'seq', 1), entry);
}
