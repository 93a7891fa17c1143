import { createInbox, headers, type Msg, type MsgHdrs } from '@nats-io/transport-node';

import type { EventStreamError } from '../../event-stream-error.ts';
import { Deadline, pause } from './deadline.ts';
import { isUnavailable, reasonOf, refusal, unavailable, type ApiFailure } from './nats-errors.ts';
import type { NatsLink } from './nats-link.ts';

/** One message for JetStream. */
export interface Publication {
  subject: string;
  payload: Uint8Array | string;
  headers: Record<string, string>;
}

type Outcome =
  | { kind: 'stored'; isDuplicate: boolean }
  | { kind: 'refused'; failure: ApiFailure }
  /** Nobody knows, or nobody was there: it may be published again. */
  | { kind: 'unanswered'; why: string };

const NO_RESPONDERS = 503;
const RETRY_MS = 100;

/**
 * Publishes to JetStream and waits until each message is stored. One subscription takes all the answers; the client's own
 * requests would cost a timer and a promise more each.
 *
 * 1. Nothing counts as stored without the server's answer to it.
 * 2. What was not answered because the connection broke, or because the stream had no leader, is published again until
 *    the time is over; the message's ID makes that safe. What was answered is not.
 */
export class Publisher {
  readonly #link: NatsLink;
  /** Called when nobody listens to a subject: the stream may be missing. */
  readonly #onNoStream: () => Promise<void>;
  readonly #inbox = createInbox();
  readonly #waiting = new Map<string, (outcome: Outcome) => void>();
  #lastToken = 0;

  constructor(link: NatsLink, onNoStream: () => Promise<void>) {
    this.#link = link;
    this.#onNoStream = onNoStream;
    link.connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, answer) => {
        if (error === null) this.#settle(answer.subject.slice(this.#inbox.length + 1), outcomeOf(answer));
      },
    });
    link.onLost(() => this.#settleAll('the connection to NATS was lost'));
  }

  /**
   * Stores all of `publications`, in order, or throws within `timeoutMs` (STREAM_UNAVAILABLE, STREAM_WRITE_FAILED,
   * DISK_FULL). Answers how many the server had already before this call.
   */
  async publish(publications: Publication[], timeoutMs: number): Promise<{ duplicates: number }> {
    const deadline = new Deadline(timeoutMs);
    try {
      return await this.#publish(publications, deadline.signal);
    } finally {
      deadline.clear();
    }
  }

  async #publish(publications: Publication[], time: AbortSignal): Promise<{ duplicates: number }> {
    let duplicates = 0;
    let missing = publications;
    for (let attempt = 0; missing.length > 0; attempt++) {
      await this.#link.assertConnected(time);
      const outcomes = await this.#attempt(missing, time);
      // On a repeat it is our own message that the server has already.
      if (attempt === 0) duplicates = outcomes.filter((one) => one.kind === 'stored' && one.isDuplicate).length;
      const error = outcomes.map(refusalOf).find((one) => one !== undefined);
      if (error !== undefined) throw error;
      const unanswered = outcomes.find((one) => one.kind === 'unanswered');
      if (unanswered === undefined) break;
      if (time.aborted) throw unavailable(unanswered.why);
      missing = missing.filter((_, index) => outcomes[index]?.kind !== 'stored');
      if (this.#link.isConnected) await this.#onNoStream();
      await pause(RETRY_MS, time);
    }
    return { duplicates };
  }

  #attempt(publications: Publication[], time: AbortSignal): Promise<Outcome[]> {
    const tokens: string[] = [];
    const giveUp = (): void => {
      for (const token of tokens) this.#settle(token, { kind: 'unanswered', why: 'NATS did not answer in time' });
    };
    time.addEventListener('abort', giveUp);
    const answers = publications.map((publication) => {
      const token = String(++this.#lastToken);
      tokens.push(token);
      return new Promise<Outcome>((resolve) => {
        this.#waiting.set(token, resolve);
        this.#send(publication, token);
      });
    });
    return Promise.all(answers).finally(() => time.removeEventListener('abort', giveUp));
  }

  #send({ subject, payload, headers: fields }: Publication, token: string): void {
    try {
      this.#link.connection.publish(subject, payload, {
        reply: `${this.#inbox}.${token}`,
        headers: headersOf(fields),
      });
    } catch (error) {
      // Closed, or larger than the server takes.
      const description = reasonOf(error);
      const isClosed = this.#link.connection.isClosed();
      const failure = { code: 400, err_code: 0, description };
      this.#settle(token, isClosed ? { kind: 'unanswered', why: description } : { kind: 'refused', failure });
    }
  }

  #settle(token: string, outcome: Outcome): void {
    const resolve = this.#waiting.get(token);
    this.#waiting.delete(token);
    resolve?.(outcome);
  }

  #settleAll(why: string): void {
    for (const token of this.#waiting.keys()) this.#settle(token, { kind: 'unanswered', why });
  }
}

function headersOf(fields: Record<string, string>): MsgHdrs {
  const all = headers();
  for (const [name, value] of Object.entries(fields)) all.set(name, value);
  return all;
}

interface PubAck {
  duplicate?: boolean;
  error?: ApiFailure;
}

function outcomeOf(answer: Msg): Outcome {
  if (answer.headers?.code === NO_RESPONDERS) {
    return { kind: 'unanswered', why: 'no server of NATS leads the stream' };
  }
  const { duplicate = false, error } = answer.json<PubAck>();
  if (error === undefined) return { kind: 'stored', isDuplicate: duplicate };
  if (isUnavailable(error)) return { kind: 'unanswered', why: error.description };
  return { kind: 'refused', failure: error };
}

function refusalOf(outcome: Outcome): EventStreamError | undefined {
  return outcome.kind === 'refused' ? refusal(outcome.failure) : undefined;
}
