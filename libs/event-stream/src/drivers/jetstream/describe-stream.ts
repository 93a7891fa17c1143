import { type ConsumerInfo, jetstreamManager } from '@nats-io/jetstream';

import { GROUP_NAMES, type GroupName } from '../../event-stream.ts';
import { toStreamError } from './nats-errors.ts';
import { NatsLink } from './nats-link.ts';
import { parseNatsServers } from './nats-servers.ts';
import { NAME_PREFIX_DEFAULT, StreamNames } from './stream-names.ts';

const WAIT_MS = 5_000;

export interface StreamDescription {
  serverVersion: string;
  /** Copies of each message. */
  replicas: number;
  /** Kept, acknowledged or not, and what they take on the server's disk. */
  messages: number;
  bytes: number;
  groups: GroupDescription[];
}

export interface GroupDescription {
  name: GroupName;
  /** Not delivered yet. */
  pending: number;
  /** Delivered and neither acknowledged nor given up on; among them those put back. */
  unacknowledged: number;
  /** Of those, delivered more than once. */
  redelivered: number;
  deadLetters: number;
}

/**
 * What is in the event stream of a NATS server, for an operator; changes nothing. Throws STREAM_UNAVAILABLE when NATS is
 * not there within five seconds, or has no such stream yet.
 */
export async function describeStream({
  servers,
  namePrefix = NAME_PREFIX_DEFAULT,
}: {
  servers: readonly string[];
  namePrefix?: string;
}): Promise<StreamDescription> {
  const link = await NatsLink.open(parseNatsServers(servers), { waitMs: WAIT_MS, onChange: () => {} });
  const names = new StreamNames(namePrefix);
  try {
    const { streams, consumers } = await jetstreamManager(link.connection, { timeout: WAIT_MS, checkAPI: false });
    const [main, ...infos] = await Promise.all([
      streams.info(names.main),
      ...GROUP_NAMES.map((group) => consumers.info(names.main, group)),
    ]);
    const letters = await Promise.all(GROUP_NAMES.map((group) => countLetters(group)));
    return {
      serverVersion: link.connection.info?.version ?? 'unknown',
      replicas: main.config.num_replicas,
      messages: main.state.messages,
      bytes: main.state.bytes,
      groups: GROUP_NAMES.map((name, index) => describeGroup(name, infos[index], letters[index])),
    };

    async function countLetters(group: GroupName): Promise<number> {
      const { state } = await streams.info(names.dead, { subjects_filter: names.deadLetter(group, '*') });
      return Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
    }
  } catch (error) {
    throw toStreamError(error);
  } finally {
    await link.close();
  }
}

function describeGroup(name: GroupName, info: ConsumerInfo | undefined, deadLetters = 0): GroupDescription {
  return {
    name,
    pending: info?.num_pending ?? 0,
    unacknowledged: info?.num_ack_pending ?? 0,
    redelivered: info?.num_redelivered ?? 0,
    deadLetters,
  };
}
