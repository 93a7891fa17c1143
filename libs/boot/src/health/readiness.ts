import { isReady, type NeededPort, type Ports } from '@perdure/engine';

type Phase = 'starting' | 'started' | 'stopping';

/** Whether requests should come to this process: it is up, it is not about to stop, and what its roles need answers. */
export class Readiness {
  private readonly ports: Ports;
  private readonly needs: readonly NeededPort[];
  private phase: Phase = 'starting';

  constructor(ports: Ports, needs: readonly NeededPort[]) {
    this.ports = ports;
    this.needs = needs;
  }

  /** Everything runs. Too late once the process stops. */
  started(): void {
    if (this.phase === 'starting') this.phase = 'started';
  }

  stopping(): void {
    this.phase = 'stopping';
  }

  /** As sentences, none when the process is ready; within 3 seconds. */
  async problems(): Promise<string[]> {
    const phase = this.phase === 'started' ? [] : [`the process is ${this.phase}`];
    return [...phase, ...(await isReady(this.ports, this.needs))];
  }
}
