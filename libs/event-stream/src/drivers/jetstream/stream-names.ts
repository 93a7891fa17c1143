import { GROUPS, type GroupName, type StreamTopic } from '../../event-stream.ts';

/** Streams are named in upper case, their subjects begin with the same in lower case. */
export const NAME_PREFIX_DEFAULT = 'PERDURE';

/**
 * What the streams of one event stream are called, and what is published where. `main` has the messages and a consumer
 * of each group's name, `parts` the pieces of bodies too large for one message of NATS, `dead` the dead letters and the
 * pieces of theirs.
 */
export class StreamNames {
  readonly main: string;
  readonly parts: string;
  readonly dead: string;
  readonly #root: string;

  constructor(prefix: string) {
    this.main = prefix;
    this.parts = `${prefix}_PARTS`;
    this.dead = `${prefix}_DEAD`;
    this.#root = prefix.toLowerCase();
  }

  topic(topic: StreamTopic): string {
    return `${this.#root}.${topic}`;
  }

  topicOf(subject: string): StreamTopic {
    return subject.endsWith('.records') ? 'records' : 'events';
  }

  /** What a group reads; undefined: everything. NATS before 2.10 knows one subject or all. */
  filterOf(group: GroupName): string | undefined {
    const [first, ...others] = GROUPS[group];
    return others.length > 0 ? undefined : this.topic(first);
  }

  deadLetter(group: GroupName, seq: number | '*'): string {
    return `${this.#root}.dead.${group}.${seq}`;
  }

  /** Of a body in pieces; `store` is the stream that has them. */
  part(store: 'parts' | 'dead', token: string, index: number | '*'): string {
    return `${this.#root}.${store === 'parts' ? 'parts' : 'dead-parts'}.${token}.${index}`;
  }

  subjectsOf(stream: 'main' | 'parts' | 'dead'): string[] {
    switch (stream) {
      case 'main':
        return [this.topic('events'), this.topic('records')];
      case 'parts':
        return [this.part('parts', '*', '*')];
      case 'dead':
        return [`${this.#root}.dead.*.*`, this.part('dead', '*', '*')];
    }
  }
}
