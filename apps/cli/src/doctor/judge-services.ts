import type { PostgresDescription, RedisDescription, StreamDescription } from '@perdure/boot';
import type { Check } from './check.ts';

/** Clocks that differ by more than this make times in history look wrong. */
const SKEW_WARN_MS = 1_000;
/** By more than this, signatures of calls are refused, whose times may differ by five minutes. */
const SKEW_MAX_MS = 60_000;
/** Share of a limit from which on it is close. */
const NEARLY = 0.9;
const MIB = 1024 * 1024;

export function judgeStream(stream: StreamDescription, wanted: { replicas: number }): Check[] {
  const { serverVersion, replicas, messages, bytes } = stream;
  const facts = { ...stream };
  const size = `${messages} messages, ${inMib(bytes)}, ${replicas === 1 ? '1 copy' : `${replicas} copies`}`;
  const found: Check[] = [{ name: 'NATS', status: 'ok', message: `${serverVersion} with JetStream: ${size}`, facts }];
  if (replicas !== wanted.replicas) {
    const message = `the stream has ${replicas} copies, the config wants ${wanted.replicas}`;
    found.push({ name: 'NATS', status: 'warning', message });
  }
  return found;
}

export function judgeRedis(redis: RedisDescription): Check[] {
  const name = 'Redis';
  const { host, version, maxmemoryPolicy, memoryBytes, memoryBytesMax, replicas, appendOnlyFile, appendFsync } = redis;
  const fsync = appendFsync === undefined || appendOnlyFile === 'off' ? '' : `, appendfsync ${appendFsync}`;
  const message = `${version} at ${host}: ${maxmemoryPolicy}, AOF ${appendOnlyFile}${fsync}, ${replicas} replicas, ${inMib(memoryBytes)}`;
  const found: Check[] = [{ name, status: 'ok', message, facts: { ...redis } }];
  if (appendOnlyFile === 'failing') found.push({ name, status: 'problem', message: 'its AOF cannot be written' });
  if (appendOnlyFile === 'off' && replicas === 0) {
    found.push({ name, status: 'problem', message: 'a restart loses runs: it has neither an AOF nor a replica' });
  }
  if (appendOnlyFile === 'on' && appendFsync === 'no') {
    found.push({
      name,
      status: 'warning',
      message: 'a loss of power loses more than the last second: appendfsync is no',
    });
  }
  if (memoryBytesMax > 0 && memoryBytes > memoryBytesMax * NEARLY) {
    const limits = `${inMib(memoryBytes)} of ${inMib(memoryBytesMax)}`;
    found.push({ name, status: 'problem', message: `its memory is nearly full, and then it takes no runs: ${limits}` });
  }
  return [...found, ...judgeClock(name, redis.clockAheadMs)];
}

export function judgePostgres(postgres: PostgresDescription): Check[] {
  const name = 'Postgres';
  const { version, connections, connectionsMax, isDurable, pendingMigrations } = postgres;
  const message = `${version}: ${connections} of ${connectionsMax} connections`;
  const found: Check[] = [{ name, status: 'ok', message, facts: { ...postgres } }];
  if (pendingMigrations.length > 0) {
    const names = pendingMigrations.join(', ');
    found.push({ name, status: 'problem', message: `its tables are not up to date, run perdure migrate: ${names}` });
  }
  if (!isDurable) {
    found.push({
      name,
      status: 'warning',
      message: 'a loss of power loses history: fsync or synchronous_commit is off',
    });
  }
  if (connections > connectionsMax * NEARLY) {
    found.push({ name, status: 'warning', message: 'nearly all of its connections are taken: raise max_connections' });
  }
  return [...found, ...judgeClock(name, postgres.clockAheadMs)];
}

function judgeClock(name: string, aheadMs: number): Check[] {
  const skewMs = Math.abs(aheadMs);
  if (skewMs <= SKEW_WARN_MS) return [];
  const message = `its clock is ${skewMs} ms ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's`;
  return [{ name, status: skewMs > SKEW_MAX_MS ? 'problem' : 'warning', message }];
}

function inMib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
