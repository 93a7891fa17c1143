import type { JsonObject, JsonValue } from '@perdure/domain';

/**
 * `value` as canonical JSON (RFC 8785): keys in order of UTF-16 code units, numbers as ECMAScript prints them, no
 * whitespace. Properties that are `undefined` are dropped and `undefined` in arrays becomes `null`, as in
 * `JSON.stringify`. Throws RangeError when nested deeper than the stack allows: `parseJson` keeps such values out.
 *
 * This is on the path of every step. Most values are already in order (what we wrote ourselves, what other SDKs sent
 * canonically, objects of one or two keys), and looking costs far less than printing: those go to the engine's own
 * printer. Only objects out of order are printed here.
 */
export function canonicalJson(value: JsonValue): string {
  return isInOrder(value) ? JSON.stringify(value) : print(value);
}

function isInOrder(value: JsonValue): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const item = value[i];
      if (typeof item === 'object' && item !== null && !isInOrder(item)) return false;
    }
    return true;
  }
  let before = '';
  // The order of enumeration is the one that JSON.stringify prints; keys like "10" come first there, by number.
  for (const key in value) {
    if (key < before) return false;
    before = key;
    const item = value[key];
    if (typeof item === 'object' && item !== null && !isInOrder(item)) return false;
  }
  return true;
}

function print(value: JsonValue | undefined): string {
  if (typeof value === 'string') return printString(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  return Array.isArray(value) ? printArray(value) : printObject(value);
}

function printObject(object: JsonObject): string {
  let text = '{';
  for (const key of sortKeys(Object.keys(object))) {
    const item = object[key];
    if (item !== undefined) text += `${text.length === 1 ? '' : ','}${printString(key)}:${print(item)}`;
  }
  return `${text}}`;
}

function printArray(items: JsonValue[]): string {
  let text = '[';
  for (let i = 0; i < items.length; i++) text += (i === 0 ? '' : ',') + print(items[i]);
  return `${text}]`;
}

const SHORT_STRING = 40;
const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SURROGATES = 0xd800;

/** Short strings without anything to escape, so nearly all keys and IDs, are printed without a call to the engine. */
function printString(text: string): string {
  if (text.length > SHORT_STRING) return JSON.stringify(text);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < SPACE || code === QUOTE || code === BACKSLASH || code >= SURROGATES) return JSON.stringify(text);
  }
  return `"${text}"`;
}

const FEW_KEYS = 16;

/** May sort in place. Insertion beats the general sort for the few keys that objects have. */
function sortKeys(keys: string[]): string[] {
  if (keys.length > FEW_KEYS) return keys.toSorted();
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] as string;
    let at = i;
    for (; at > 0 && (keys[at - 1] as string) > key; at--) keys[at] = keys[at - 1] as string;
    keys[at] = key;
  }
  return keys;
}
