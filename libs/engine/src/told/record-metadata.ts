import type { JsonObject, RunId } from '@perdure/domain';
import type { MetadataRecord } from '@perdure/history';
import {
  canonicalJson,
  mergeMetadata,
  METADATA_PER_RUN_BYTES_MAX,
  METADATA_BYTES_MAX,
  type MetadataItem,
} from '@perdure/protocol';
import { recordsMessage } from '../history/record-messages.ts';
import type { Ports } from '../ports.ts';
import { findRun } from '../run/find-run.ts';

/** All updates of a run that are kept, whatever they come to. */
const LOG_BYTES_MAX = 8 * METADATA_PER_RUN_BYTES_MAX;

/**
 * Keeps what is said about a run, one of its steps or a span (sdk-protocol.md 9.4): durable in the stream when this resolves,
 * in history soon after. A repeat is told once more.
 */
export async function recordMetadata(
  ports: Ports,
  { runId, target, items }: { runId: RunId; target: JsonObject; items: MetadataItem[] },
): Promise<'recorded' | 'unknown-run' | 'too-large'> {
  const { history, stream, clock, ids } = ports;
  if ((await findRun(ports, runId)) === undefined) return 'unknown-run';
  const now = clock.now();
  const records: MetadataRecord[] = items.map((item) => ({ ...item, id: ids.ulid(now), runId, target, at: now }));
  const bytes = records.reduce((sum, { values }) => sum + bytesOf(values), 0);
  if ((await history.countMetadataBytes(runId)) + bytes > LOG_BYTES_MAX) return 'too-large';
  if (isBeyondLimits([...(await history.listMetadata(runId)), ...records], target)) return 'too-large';
  await stream.append([recordsMessage(ids.token(), { metadata: records })]);
  return 'recorded';
}

function isBeyondLimits(records: MetadataRecord[], target: JsonObject): boolean {
  const merged = mergeMetadata(records);
  const ofTarget = merged.filter((one) => canonicalJson(one.target) === canonicalJson(target));
  const sum = (all: typeof merged): number => all.reduce((bytes, { values }) => bytes + bytesOf(values), 0);
  return sum(ofTarget) > METADATA_BYTES_MAX || sum(merged) > METADATA_PER_RUN_BYTES_MAX;
}

function bytesOf(values: JsonObject): number {
  return Buffer.byteLength(JSON.stringify(values));
}
