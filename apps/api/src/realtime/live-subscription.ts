import type { ListenLive, RealtimeHub } from '@perdure/engine';
import { LIVE_TOPICS_MAX, type LiveTopic } from '@perdure/protocol';

/** The topics that one connection listens to, each once. */
export class LiveSubscription {
  private readonly hub: RealtimeHub;
  private readonly listen: ListenLive;
  private readonly leaves = new Map<string, { name: string; leave: () => void }>();

  constructor(hub: RealtimeHub, listen: ListenLive) {
    this.hub = hub;
    this.listen = listen;
  }

  /** False, and nothing is added, when they would become too many. */
  add(topics: readonly LiveTopic[]): boolean {
    const added = new Map(topics.map((topic) => [JSON.stringify([topic.envId, topic.channel, topic.name]), topic]));
    for (const key of this.leaves.keys()) added.delete(key);
    if (this.leaves.size + added.size > LIVE_TOPICS_MAX) return false;
    for (const [key, topic] of added) {
      this.leaves.set(key, { name: topic.name, leave: this.hub.listen(topic, this.listen) });
    }
    return true;
  }

  /** Ends listening to all topics of these names. */
  remove(names: readonly string[]): void {
    for (const [key, { name, leave }] of this.leaves) {
      if (!names.includes(name)) continue;
      this.leaves.delete(key);
      leave();
    }
  }

  end(): void {
    for (const { leave } of this.leaves.values()) leave();
    this.leaves.clear();
  }
}
