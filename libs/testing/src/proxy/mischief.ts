import type { TcpProxy } from './tcp-proxy.ts';

export interface MischiefOptions {
  /** By the name that the report uses. */
  proxies: Record<string, TcpProxy>;
  /** Numbers in [0, 1) from a seed: the same ones give the same mischief. */
  random: () => number;
  /** Longest one mischief lasts. */
  holdMsMax: number;
  /** Longest nothing is done in between. */
  quietMsMax: number;
  delayMsMax?: number;
}

export interface Mischief {
  /** What was done so far, in words, oldest first. */
  readonly done: readonly string[];
  /** Ends the mischief, heals every proxy, and says again what was done. Repeatable. */
  stop(): Promise<readonly string[]>;
}

const DELAY_MS_MAX_DEFAULT = 200;

type Harm = (proxy: TcpProxy, random: () => number, delayMsMax: number) => Promise<string> | string;

const HARMS: readonly Harm[] = [
  (proxy, random, delayMsMax) => {
    const ms = 1 + Math.floor(random() * delayMsMax);
    proxy.delay(ms);
    return `delay ${ms} ms`;
  },
  (proxy) => {
    proxy.cut();
    return 'cut';
  },
  async (proxy) => {
    await proxy.refuse();
    return 'refuse';
  },
  (proxy, random) => {
    const stalled = (['both', 'up', 'down'] as const)[Math.floor(random() * 3)] ?? 'both';
    proxy.halfOpen(stalled);
    return `half-open ${stalled}`;
  },
];

/** Harms one connection after the other at random until it is stopped; what it does follows from `random` alone. */
export function startMischief(options: MischiefOptions): Mischief {
  const { proxies, random, holdMsMax, quietMsMax, delayMsMax = DELAY_MS_MAX_DEFAULT } = options;
  const names = Object.keys(proxies).toSorted();
  const done: string[] = [];
  const stopping = new AbortController();
  const aborted = new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve()));

  const play = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const name = names[Math.floor(random() * names.length)] ?? '';
      const proxy = proxies[name];
      const harm = HARMS[Math.floor(random() * HARMS.length)];
      if (proxy === undefined || harm === undefined) throw new Error('there must be a proxy');
      const holdMs = Math.ceil(random() * holdMsMax);
      done.push(`${name}: ${await harm(proxy, random, delayMsMax)} for ${holdMs} ms`);
      await unlessAborted(holdMs);
      await proxy.heal();
      await unlessAborted(Math.ceil(random() * quietMsMax));
    }
  };
  const unlessAborted = async (ms: number): Promise<void> => {
    const timer = Promise.withResolvers<void>();
    const timeout = setTimeout(timer.resolve, ms);
    await Promise.race([timer.promise, aborted]);
    clearTimeout(timeout);
  };

  const playing = play();
  return {
    done,
    stop: async () => {
      stopping.abort();
      await playing;
      return done;
    },
  };
}
