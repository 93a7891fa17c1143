import { DEFAULT_ENV_ID } from '@perdure/domain';
import { type Ports, RealtimeHub } from '@perdure/engine';
import { type LiveAccess, printLive } from '@perdure/protocol';

type Receive = (update: { head: string; body: string }) => void;

/** A hub, and what publishes to it at once. */
export function aHub() {
  const receivers = new Set<Receive>();
  const bus = {
    subscribe: (_topic: string, receive: Receive) => {
      receivers.add(receive);
      return () => void receivers.delete(receive);
    },
  } as unknown as Ports['bus'];
  const publish = (name: string, body: string, kind: 'data' | 'relay' = 'data'): void => {
    const message = { kind, envId: DEFAULT_ENV_ID, channel: 'c', topics: [name], at: 0, isText: true, body };
    for (const receive of receivers) receive(printLive(message));
  };
  return { hub: new RealtimeHub(bus), publish };
}

/** What lets its bearer listen to these topics. */
export function accessTo(...names: string[]): LiveAccess {
  const topics = names.map((name) => ({ kind: 'run', envId: DEFAULT_ENV_ID, channel: 'c', name }));
  return { topics, mayPublish: false };
}
