declare const redis: {
  call(this: void, command: 'SCAN', ...args: (string | number)[]): [string, string[]];
  call(this: void, command: 'TYPE', key: string): { ok: string };
  call(this: void, command: string, ...args: (string | number)[]): string | string[];
};

/** Keys that one page looks at: few enough not to hold up the server. */
const SCAN_COUNT = 1000;

export interface DumpPageArgs {
  /** The cell's. */
  prefix: string;
  /** '0' for the first page, then what the page before answered; the last page answers '0'. */
  cursor: string;
}

export interface DumpedKey {
  /** Without the cell's prefix. */
  key: string;
  type: string;
  /** A string, or the elements as Redis answers them. */
  content: string | string[];
}

/** A page of the cell's keys with their contents. A key that exists throughout comes on at least one page. */
export function dumpPage(_tx: unknown, _now: number, args: DumpPageArgs): { cursor: string; keys: DumpedKey[] } {
  const pattern = escapeGlob(args.prefix) + '*';
  const [cursor, names] = redis.call('SCAN', args.cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
  const keys: DumpedKey[] = [];
  for (const name of names) {
    const type = redis.call('TYPE', name).ok;
    const content = contentOf(name, type);
    if (content !== undefined) keys.push({ key: name.substring(args.prefix.length), type, content });
  }
  return { cursor, keys };
}

function contentOf(name: string, type: string): string | string[] | undefined {
  if (type === 'string') return redis.call('GET', name);
  if (type === 'hash') return redis.call('HGETALL', name);
  if (type === 'list') return redis.call('LRANGE', name, 0, -1);
  if (type === 'set') return redis.call('SMEMBERS', name);
  if (type === 'zset') return redis.call('ZRANGE', name, 0, -1, 'WITHSCORES');
  return undefined;
}

function escapeGlob(text: string): string {
  let escaped = '';
  for (const character of text.split('')) {
    const isSpecial = character === '*' || character === '?' || character === '[' || character === '\\';
    escaped += isSpecial ? '\\' + character : character;
  }
  return escaped;
}
