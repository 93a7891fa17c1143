import type { DumpedKey, DumpPageArgs } from './lua/dump-page.ts';
import type { RedisLibrary } from './redis-library.ts';

/**
 * Every key of the cell without its prefix, with its content in the form that all drivers give it: strings, records for
 * hashes, arrays for lists and (sorted) sets, pairs [member, score] for sorted sets. Read page by page, so what is written
 * meanwhile may show or not.
 */
export async function dumpKeys(library: RedisLibrary): Promise<Record<string, unknown>> {
  const contents = new Map<string, unknown>();
  let cursor = '0';
  do {
    const args: DumpPageArgs = { cursor, prefix: library.prefix };
    const page = (await library.call('dumpPage', args)) as { cursor: string; keys: DumpedKey[] };
    for (const dumped of page.keys) contents.set(dumped.key, contentOf(dumped));
    cursor = page.cursor;
  } while (cursor !== '0');
  return Object.fromEntries([...contents].toSorted(([a], [b]) => compareBytes(a, b)));
}

function contentOf({ type, content }: DumpedKey): unknown {
  if (typeof content === 'string') return content;
  switch (type) {
    case 'hash':
      return Object.fromEntries(pairs(content));
    case 'set':
      return content.toSorted(compareBytes);
    case 'zset':
      return pairs(content).map(([member, score]) => [member, Number(score)]);
    default:
      return content;
  }
}

/** The order of JavaScript, by UTF-16 units, is another. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function pairs(flat: string[]): [string, string][] {
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? '']] : []));
}
