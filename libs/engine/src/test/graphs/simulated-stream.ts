import type { EventStream, StreamMessage } from '@perdure/event-stream';

/** A message as the group `runner` sees it. */
export interface StreamedEvent {
  id: string;
  body: string;
  appendedAt: number;
  /** Somebody is handling it. */
  isTaken: boolean;
  isDone: boolean;
}

/** The event stream as the simulation needs it: append only, repeats recognised by ID, delivered when and as often as it is told. */
export class SimulatedStream {
  readonly events: StreamedEvent[] = [];
  /** Bodies of what is for history. */
  readonly records: string[] = [];
  readonly #ids = new Set<string>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  append: EventStream['append'] = async (messages) => {
    const fresh = messages.filter(({ id }) => !this.#ids.has(id));
    for (const message of fresh) this.#add(message);
    return { appended: fresh.length, duplicates: messages.length - fresh.length };
  };

  #add({ id, topic, body }: StreamMessage): void {
    this.#ids.add(id);
    if (topic === 'records') this.records.push(body);
    else this.events.push({ id, body, appendedAt: this.#now(), isTaken: false, isDone: false });
  }
}
