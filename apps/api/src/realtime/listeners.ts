import { type BeforeApplicationShutdown, Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { PORTS } from '@perdure/boot';
import { type Ports, RealtimeHub } from '@perdure/engine';
import { KEEP_ALIVE_MS, type Listener, STOPPING } from './listener.ts';

/** All who listen at this process: kept alive, and told when it stops. */
@Injectable()
export class Listeners implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly hub: RealtimeHub;
  private readonly open = new Set<Listener>();
  private keepingAlive: NodeJS.Timeout | undefined;
  private isStopping = false;

  constructor(@Inject(PORTS) ports: Ports) {
    this.hub = new RealtimeHub(ports.bus);
  }

  /** None is taken once the process stops. */
  add(listener: Listener): void {
    this.open.add(listener);
    void listener.ended.then(() => this.open.delete(listener));
    if (this.isStopping) listener.close(STOPPING);
  }

  onApplicationBootstrap(): void {
    this.keepingAlive = setInterval(() => {
      for (const listener of this.open) listener.keepAlive();
    }, KEEP_ALIVE_MS);
  }

  /** The HTTP server, which closes after this, waits for every connection. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    clearInterval(this.keepingAlive);
    this.hub.close();
    const open = [...this.open];
    for (const listener of open) listener.close(STOPPING);
    await Promise.all(open.map(({ ended }) => ended));
  }
}
