import type { GroupName } from '@perdure/event-stream';
import type { Ports } from '../ports.ts';

/** A third of the stream's ack wait: two of them may be lost. */
const EXTEND_MS = 10_000;

/** What was pulled from the stream and is not settled yet: kept from being delivered again for as long as that takes. */
export class HeldMessages {
  private readonly ports: Ports;
  private readonly group: GroupName;
  private readonly seqs = new Set<number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(ports: Ports, group: GroupName) {
    this.ports = ports;
    this.group = group;
  }

  start(): void {
    this.timer ??= setInterval(() => void this.extend(), EXTEND_MS);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  hold(deliveries: readonly { seq: number }[]): void {
    for (const { seq } of deliveries) this.seqs.add(seq);
  }

  release(deliveries: readonly { seq: number }[]): void {
    for (const { seq } of deliveries) this.seqs.delete(seq);
  }

  private async extend(): Promise<void> {
    if (this.seqs.size === 0) return;
    try {
      await this.ports.stream.extend(this.group, [...this.seqs]);
    } catch (error) {
      this.ports.log.debug('messages in work may be delivered again', { group: this.group, error });
    }
  }
}
