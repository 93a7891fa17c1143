import type { World } from './world.ts';

/** What arrives, a run or several. */
type Arrive = () => void;

interface Span {
  /** Of virtual time, from now. */
  forMs: number;
}

/** Arrivals that do not know of each other, so many a second on average. */
export function arrivePoisson(world: World, { perSecond, forMs }: Span & { perSecond: number }, arrive: Arrive): void {
  const until = world.time.now + forMs;
  const plan = (): void => {
    const at = world.time.now + world.random.exponential(1000 / perSecond);
    if (at > until) return;
    world.time.at(at, () => {
      arrive();
      plan();
    });
  };
  plan();
}

/** Times of many arrivals take turns with times of none; each lasts `spellMs` on average. */
export function arriveInBursts(
  world: World,
  { perSecond, spellMs, forMs }: Span & { perSecond: number; spellMs: number },
  arrive: Arrive,
): void {
  const until = world.time.now + forMs;
  const burst = (): void => {
    if (world.time.now >= until) return;
    const onMs = Math.min(world.random.exponential(spellMs), until - world.time.now);
    arrivePoisson(world, { perSecond: 2 * perSecond, forMs: onMs }, arrive);
    world.time.after(onMs + world.random.exponential(spellMs), burst);
  };
  world.time.after(world.random.exponential(spellMs), burst);
}

/** Happens again and again, on average each `everyMs`. */
export function disturb(world: World, { everyMs, forMs }: Span & { everyMs: number }, happen: Arrive): void {
  arrivePoisson(world, { perSecond: 1000 / everyMs, forMs }, happen);
}
