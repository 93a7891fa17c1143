import { randomUUID } from 'node:crypto';
import { AckPolicy, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { nanos, type Msg } from '@nats-io/transport-node';

import type { EpochMs } from '@perdure/domain';

import { unavailable } from './nats-errors.ts';
import type { NatsLink } from './nats-link.ts';
import { PullRequest } from './pull-request.ts';

export interface Range {
  stream: string;
  subject: string;
  /** The first message wanted: by position, or by when it was stored. */
  from: { seq: number } | { since: EpochMs };
  messagesMax: number;
  bytesMax: number;
}

/** A reader that its process forgot is removed by the server. */
const READER_IDLE_MS = 30_000;
const READ_MS = 5_000;

/**
 * Messages of a stream, in order, from a consumer made for this one reading: before NATS 2.11 there is no other way to
 * read more than one. Nobody's acknowledgements are touched. An empty answer means that there is nothing.
 */
export async function readRange(link: NatsLink, { consumers }: JetStreamManager, range: Range): Promise<Msg[]> {
  const { stream, subject, from, messagesMax, bytesMax } = range;
  const reader = await consumers.add(stream, {
    name: `reader-${randomUUID()}`,
    ack_policy: AckPolicy.None,
    filter_subject: subject,
    inactive_threshold: nanos(READER_IDLE_MS),
    mem_storage: true,
    num_replicas: 1,
    ...('seq' in from
      ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from.seq }
      : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(from.since).toISOString() }),
  });
  try {
    if (reader.num_pending === 0) return [];
    const query = {
      stream,
      consumer: reader.name,
      messagesMax: Math.min(messagesMax, reader.num_pending),
      bytesMax,
      waitMs: READ_MS,
    };
    const request = new PullRequest(link.connection, query);
    const forget = link.onLost(() => request.cancel());
    await request.ended;
    forget();
    const messages = request.take();
    // Nothing would say that there is no more.
    if (messages.length === 0) throw unavailable('stored messages were not delivered in time');
    return messages;
  } finally {
    // When this fails the server removes it by itself.
    consumers.delete(stream, reader.name).catch(() => undefined);
  }
}
