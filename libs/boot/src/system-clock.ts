import type { Clock } from '@perdure/domain';

/** Longest delay that a Node timer takes; longer ones are set anew. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The machine's time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(at, wake) {
    let timer: NodeJS.Timeout;
    const set = (): void => {
      const ms = at - Date.now();
      timer = ms > TIMER_MS_MAX ? setTimeout(set, TIMER_MS_MAX) : setTimeout(wake, Math.max(0, ms));
    };
    set();
    return () => clearTimeout(timer);
  },
};
