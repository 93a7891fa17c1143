import { DEFAULT_ENV_ID } from '@perdure/domain';
import type { AppRecord } from '@perdure/history';
import { ENDPOINT_FRAMEWORK } from '../endpoint/endpoint-framework.ts';
import { BackgroundLoop } from '../loop/background-loop.ts';
import type { Ports } from '../ports.ts';
import { discoverApps } from './discover-apps.ts';
import { putSync, type PutSyncResult } from './put-sync.ts';

/** Pause between two tries at an application that failed, where polling is off. */
const UNPOLLED_MS = 5_000;

type SyncFailure = NonNullable<AppRecord['error']>;

export interface AppPollerOptions {
  /** URLs the operator named. */
  urls: string[];
  /** Ask apps for changes again and again; otherwise only those that have not synced yet or failed. */
  poll: boolean;
  intervalMs: number;
  /** Look for applications at the usual ports of this machine until one has synced. */
  discover: boolean;
}

/**
 * Keeps applications in sync: asks the named URLs, and the apps that registered, to register anew at each interval.
 * A failure is logged when it begins and when it ends, not each time.
 */
export class AppPoller {
  private readonly ports: Ports;
  private readonly options: AppPollerOptions;
  private readonly loop: BackgroundLoop;
  /** Last failure by URL. */
  private readonly failing = new Map<string, SyncFailure>();
  private readonly synced = new Set<string>();

  constructor(ports: Ports, options: AppPollerOptions) {
    this.ports = ports;
    this.options = options;
    this.loop = new BackgroundLoop({ name: 'poll apps', log: ports.log, pass: () => this.pass() });
  }

  start(): void {
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  private async pass(): Promise<number> {
    const known = await this.ports.registry.listApps(DEFAULT_ENV_ID);
    const apps = known.filter((app) => app.framework !== ENDPOINT_FRAMEWORK);
    const urls = new Set([...this.options.urls, ...apps.map((app) => app.url).filter((url) => url.startsWith('http'))]);
    const discovered = this.options.discover && urls.size === 0 ? await discoverApps() : [];
    const due = [...[...urls].filter((url) => this.isDue(url)), ...discovered];
    await Promise.all(
      due.map((url) =>
        this.sync(
          url,
          apps.find((app) => app.url === url),
        ),
      ),
    );
    return this.pauseMs();
  }

  /** An interval of 0 means that nobody asks for polling: then only failures are looked at again. */
  private pauseMs(): number {
    return this.options.intervalMs > 0 ? this.options.intervalMs : UNPOLLED_MS;
  }

  private isDue(url: string): boolean {
    if (this.options.poll || this.failing.has(url)) return true;
    return this.options.urls.includes(url) && !this.synced.has(url);
  }

  /** `app`: what is registered at the URL, if anything. */
  private async sync(url: string, app: AppRecord | undefined): Promise<void> {
    this.note(url, await putSync(this.ports, url));
    const failure = this.failing.get(url);
    if (app === undefined || app.error?.message === failure?.message) return;
    await this.ports.registry.recordAppError(app.id, failure, this.ports.clock.now());
  }

  private note(url: string, result: PutSyncResult): void {
    const { log } = this.ports;
    if (result.kind === 'synced') {
      this.synced.add(url);
      if (this.failing.delete(url)) log.info('an app can be reached again', { url });
      return;
    }
    const { code, message } = result;
    const before = this.failing.get(url);
    this.failing.set(url, { code, message });
    if (before?.message !== message) log.warn('an app could not be synced', { url, code, reason: message });
  }
}
