import type { Logger } from '@perdure/telemetry';

/** Pause after a pass that failed, doubled up to the maximum while it keeps failing. */
const FAILURE_PAUSE_MS = 100;
const FAILURE_PAUSE_MAX_MS = 5_000;

export interface BackgroundLoopOptions {
  name: string;
  log: Logger;
  /** One pass. Answers in how many milliseconds the next one is due unless `nudge` is called before. */
  pass: () => Promise<number>;
}

/**
 * A long-lived activity made of passes, one at a time.
 *
 * Modes: idle (a timer is set) -> running (a pass is under way) -> idle. `nudge` ends the idle time; during a pass it
 * makes another one follow at once, so that no hint is lost. `stop` waits for the pass under way; it may be repeated.
 */
export class BackgroundLoop {
  private readonly options: BackgroundLoopOptions;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private isNudged = false;
  private isStopped = true;
  private failures = 0;

  constructor(options: BackgroundLoopOptions) {
    this.options = options;
  }

  start(): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    this.run();
  }

  nudge(): void {
    if (this.isStopped) return;
    if (this.running) this.isNudged = true;
    else this.run();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private run(): void {
    clearTimeout(this.timer);
    this.isNudged = false;
    this.running = this.pass().then((pauseMs) => {
      this.running = undefined;
      if (this.isStopped) return;
      if (this.isNudged) this.run();
      else this.timer = setTimeout(() => this.run(), pauseMs);
    });
  }

  private async pass(): Promise<number> {
    try {
      const pauseMs = await this.options.pass();
      this.failures = 0;
      return pauseMs;
    } catch (error) {
      this.failures += 1;
      this.options.log.warn('a background loop failed and will try again', { loop: this.options.name, error });
      return Math.min(FAILURE_PAUSE_MS * 2 ** (this.failures - 1), FAILURE_PAUSE_MAX_MS);
    }
  }
}
