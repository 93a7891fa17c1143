import { int, whole } from './numbers.ts';
import type { Tx } from './tx.ts';

/**
 * A document opened by an operation: reads see the changes made so far, and one write carries them all. Who opens a
 * document saves it, before anybody else opens it again; helpers receive it open. An empty string means "not set".
 */
export interface Doc {
  readonly key: string;
  readonly stored: Readonly<Record<string, string>>;
  changes: Record<string, string>;
  isChanged: boolean;
}

/** Undefined when there is none. */
export function openDoc(tx: Tx, key: string): Doc | undefined {
  const stored = tx.hgetall(key);
  return stored === undefined ? undefined : { key, stored, changes: {}, isChanged: false };
}

/** An absent document opens as an empty one. */
export function openOrNewDoc(tx: Tx, key: string): Doc {
  return { key, stored: tx.hgetall(key) ?? {}, changes: {}, isChanged: false };
}

/** A document that is known to be absent, with its first fields, which are the document's from now on. */
export function newDoc(key: string, fields: Record<string, string>): Doc {
  return { key, stored: {}, changes: fields, isChanged: true };
}

export function field(doc: Doc, name: string): string {
  return doc.changes[name] ?? doc.stored[name] ?? '';
}

export function intField(doc: Doc, name: string): number {
  return int(field(doc, name));
}

export function isSet(doc: Doc, name: string): boolean {
  return field(doc, name) !== '';
}

export function change(doc: Doc, name: string, value: string): void {
  doc.changes[name] = value;
  doc.isChanged = true;
}

export function changeInt(doc: Doc, name: string, value: number): void {
  change(doc, name, whole(value));
}

export function saveDoc(tx: Tx, doc: Doc): void {
  if (!doc.isChanged) return;
  tx.hset(doc.key, doc.changes);
  doc.isChanged = false;
}
