import { setTimeout as delay } from 'node:timers/promises';

import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';

import { EventStreamError } from '../../event-stream-error.ts';
import { GROUP_NAMES, type GroupName } from '../../event-stream.ts';
import { mayBecomePossible } from './nats-errors.ts';
import type { StreamNames } from './stream-names.ts';

/** What an operator chooses about the streams. */
export interface StreamSettings {
  replicas: number;
  retentionMs: number;
  ackWaitMs: number;
  dedupWindowMs: number;
}

/** Pieces outlive the message that names them, although they were stored before it. */
const PARTS_EXTRA_MS = 60 * 60 * 1000;
/** Of all processes together: what is in work, and what was put back for later. */
const UNACKNOWLEDGED_MAX = 20_000;
const UNLIMITED = -1;

/**
 * Creates the streams and the consumers, or brings their settings up to date; other settings, such as limits or placement
 * that an operator has made, stay. Any number of processes may do so at once. Answers what had been missing.
 *
 * Throws STREAM_MISCONFIGURED when the server refuses the settings, and what the client throws when it cannot answer.
 */
export async function declareStreams(
  manager: JetStreamManager,
  names: StreamNames,
  settings: StreamSettings,
): Promise<string[]> {
  const created: string[] = [];
  for (const config of streamConfigs(names, settings)) {
    const isNew = await refusing(`stream ${config.name}`, () => declareStream(manager, config));
    if (isNew) created.push(`stream ${config.name}`);
  }
  for (const group of GROUP_NAMES) {
    const config = consumerConfig(group, names, settings);
    const what = `consumer ${group} of stream ${names.main}`;
    if (await refusing(what, () => declareConsumer(manager, names.main, config))) created.push(what);
  }
  return created;
}

/** Whether a stream or a consumer is missing; whoever asks makes them. */
export async function isAnythingMissing(manager: JetStreamManager, names: StreamNames): Promise<boolean> {
  const found = await Promise.all([
    ...[names.main, names.parts, names.dead].map((name) => orMissing(manager.streams.info(name))),
    ...GROUP_NAMES.map((group) => orMissing(manager.consumers.info(names.main, group))),
  ]);
  return found.includes(undefined);
}

type OwnStreamConfig = Partial<StreamConfig> & Pick<StreamConfig, 'name'>;
type OwnConsumerConfig = Partial<ConsumerConfig> & { durable_name: string };

function streamConfigs(names: StreamNames, settings: StreamSettings): OwnStreamConfig[] {
  const { replicas, retentionMs, dedupWindowMs } = settings;
  const common = {
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    num_replicas: replicas,
    duplicate_window: nanos(dedupWindowMs),
    allow_direct: true,
  };
  const config = (stream: 'main' | 'parts' | 'dead', ageMs: number): OwnStreamConfig => ({
    ...common,
    name: names[stream],
    subjects: names.subjectsOf(stream),
    max_age: nanos(ageMs),
  });
  // Dead letters stay until somebody decides what to do with them: 0 is for ever.
  return [config('parts', retentionMs + PARTS_EXTRA_MS), config('dead', 0), config('main', retentionMs)];
}

function consumerConfig(group: GroupName, names: StreamNames, { ackWaitMs }: StreamSettings): OwnConsumerConfig {
  const filter = names.filterOf(group);
  return {
    durable_name: group,
    deliver_policy: DeliverPolicy.All,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWaitMs),
    // Deliveries are counted here, and end among the dead letters: the server would only stop.
    max_deliver: UNLIMITED,
    max_ack_pending: UNACKNOWLEDGED_MAX,
    ...(filter !== undefined && { filter_subject: filter }),
  };
}

/** Whether it was missing. */
async function declareStream(
  manager: JetStreamManager,
  config: OwnStreamConfig,
  looksLeft = OVERLAP_LOOKS_MAX,
): Promise<boolean> {
  const { streams } = manager;
  const found = await orMissing(streams.info(config.name));
  if (found === undefined) {
    const created = await orTaken(streams.add(config)).catch(async (error: unknown) => {
      if (!isOverlap(error) || looksLeft === 0) throw error;
      await delay(OVERLAP_LOOK_MS);
      return 'overlap' as const;
    });
    if (created === 'overlap') return declareStream(manager, config, looksLeft - 1);
    if (created !== undefined) return true;
  } else if (isSame(found.config, config)) {
    return false;
  }
  await streams.update(config.name, config);
  return false;
}

async function declareConsumer(
  { consumers }: JetStreamManager,
  stream: string,
  config: OwnConsumerConfig,
): Promise<boolean> {
  const found = await orMissing(consumers.info(stream, config.durable_name));
  if (found === undefined) {
    const created = await orTaken(consumers.add(stream, config));
    if (created !== undefined) return true;
  } else if (isSame(found.config, config)) {
    return false;
  }
  await consumers.update(stream, config.durable_name, config);
  return false;
}

/** Whether `actual` says all that `wanted` says. */
function isSame(actual: object, wanted: object): boolean {
  const found = new Map<string, unknown>(Object.entries(actual));
  return Object.entries(wanted).every(([key, value]) => JSON.stringify(found.get(key)) === JSON.stringify(value));
}

const MISSING = 404;
/** The name is in use: another process was faster, with the same or other settings. */
const TAKEN_CODES = new Set([10_058, 10_013, 10_148]);

/** The subjects are in use: by a stream of another name, or by this one, which another process has half created. */
const OVERLAP_CODE = 10_065;
const OVERLAP_LOOKS_MAX = 20;
const OVERLAP_LOOK_MS = 50;

function isOverlap(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === OVERLAP_CODE;
}

async function orMissing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.status === MISSING) return undefined;
    throw error;
  }
}

async function orTaken<T>(created: Promise<T>): Promise<T | undefined> {
  try {
    return await created;
  } catch (error) {
    if (error instanceof JetStreamApiError && TAKEN_CODES.has(error.code)) return undefined;
    throw error;
  }
}

async function refusing<T>(what: string, declare: () => Promise<T>): Promise<T> {
  try {
    return await declare();
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || mayBecomePossible(error)) throw error;
    const message = `NATS refuses the settings of the ${what}: ${error.message}`;
    throw new EventStreamError('STREAM_MISCONFIGURED', message, { cause: error });
  }
}
