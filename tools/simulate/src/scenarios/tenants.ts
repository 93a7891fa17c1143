import { fairnessOf } from '../observe/fairness.ts';
import { arriveInBursts, arrivePoisson } from '../world/arrivals.ts';
import type { SimulatedFunction } from '../world/model.ts';
import type { World } from '../world/world.ts';
import { mergeReports } from './merge-reports.ts';
import { sizedBy, startPlay } from './play.ts';
import type { Report, Scenario, Sizes } from './scenario.ts';

const CALL_MS = 20;
const SLOTS_EACH = 8;
/** A quarter of the tenants asks for more than its share all the time; the first of them for this many times as much. */
const BUSY_PART = 0.25;
const FLOOD = 20;
/** Until all that are busy have a backlog. */
const UNFAIR_PART = 0.2;

type Kind = 'account' | 'key';

/** Tenants that are accounts with functions of their own, and tenants that are keys of one function. */
export const tenants: Scenario = {
  name: 'tenants',
  shows:
    'accounts, and keys of a function, as tenants: a flood, busy ones, light ones that come one by one and in bursts',
  play: (sizes) => [playTenants(sizes, 'key'), playPassing(sizes)].reduce(mergeReports, playTenants(sizes, 'account')),
};

function playTenants(sizes: Sizes, kind: Kind): Report {
  const count = sizedBy(sizes, { small: 40, full: 1000 }, sizes.tenants);
  const executors = sizedBy(sizes, { small: 2, full: 50 }, sizes.executors);
  const perSecond = (executors * SLOTS_EACH * 1000) / CALL_MS;
  const jobs = sizedBy(sizes, { small: 8000, full: 200_000 }, sizes.jobs);
  const forMs = (1000 * jobs) / perSecond;
  const { world, finish } = startPlay({
    scenario: 'tenants',
    played: `${count} ${kind}s, ${executors} executors of ${SLOTS_EACH} slots`,
    seed: sizes.seed,
    executors,
    slotsEach: SLOTS_EACH,
  });
  const busy = Math.max(2, Math.ceil(count * BUSY_PART));
  for (const tenant of tenantsOf(world, kind, count))
    arriveFor(world, tenant, { busy, share: perSecond / count, forMs });
  world.time.run(world.time.now + UNFAIR_PART * forMs);
  world.servedTenants.clear();
  world.time.run(world.time.now + (1 - UNFAIR_PART) * forMs);
  const names = Array.from({ length: busy }, (_, i) => `${kind}-${i}`);
  const shares = fairnessOf(`busy ${kind}s`, new Map(names.map((name) => [name, world.servedTenants.get(name) ?? 0])));

  const report = finish({ fairness: [shares] });
  const light = report.waits.find(({ group }) => group === `light ${kind}`);
  // A turn of all that are busy, and the job that is in the way.
  const round = (busy * 1000) / perSecond + 1.5 * CALL_MS;
  report.goals.push(
    { name: `Jain's index of ${shares.among}`, value: shares.jain, unit: '', goal: { atLeast: 0.95 } },
    { name: `p99 of the waits of light ${kind}s`, value: light?.p99 ?? 0, unit: 'ms', goal: { atMost: round } },
  );
  return report;
}

/** More than the slots can do, of keys that come once each, beside one that has a backlog. Its name sorts last. */
function playPassing(sizes: Sizes): Report {
  const executors = sizedBy(sizes, { small: 2, full: 50 }, sizes.executors);
  const jobs = sizedBy(sizes, { small: 8000, full: 200_000 }, sizes.jobs);
  const perSecond = (executors * SLOTS_EACH * 1000) / CALL_MS;
  const forMs = (1000 * jobs) / perSecond;
  const { world, finish } = startPlay({
    scenario: 'tenants',
    played: `${jobs} keys that pass, ${executors} executors of ${SLOTS_EACH} slots`,
    seed: sizes.seed,
    executors,
    slotsEach: SLOTS_EACH,
  });
  const fn = world.addFunction({ functionId: 'passing' }, { callMs: CALL_MS });
  world.limitAccount('account', 100_000);
  for (let i = 0; i < jobs / 100; i++) {
    world.schedule({ fn, tenant: 'z', group: 'key that stays', steps: [], keys: { keyed: ['z'] } });
  }
  arrivePoisson(world, { perSecond: 1.1 * perSecond, forMs }, () => {
    const key = `k${world.random.next()}`;
    const group = key < 'k0.5' ? 'passing keys, early names' : 'passing keys, late names';
    world.schedule({ fn, tenant: key, group, steps: [], keys: { keyed: [key] } });
  });
  world.time.run(world.time.now + forMs);
  // One of a thousand, and the first.
  const asked = Math.floor(Math.min(jobs / 1000, jobs / 100));
  const stays = world.servedTenants.get('z') ?? 0;

  const report = finish({});
  const [early, late] = ['early', 'late'].map(
    (name) => report.waits.find(({ group }) => group === `passing keys, ${name} names`)?.p95 ?? 0,
  );
  report.goals.push(
    { name: 'jobs of a key that stays among those that pass', value: stays, unit: '', goal: { atLeast: asked } },
    {
      name: 'p95 of waits, late names to early ones',
      value: (late ?? 0) / (early ?? 1),
      unit: '',
      goal: { atMost: 1.1 },
    },
  );
  return report;
}

interface Tenant {
  fn: SimulatedFunction;
  kind: Kind;
  place: number;
}

function tenantsOf(world: World, kind: Kind, count: number): Tenant[] {
  const shared = world.addFunction({ functionId: 'shared' }, { callMs: CALL_MS });
  world.limitAccount('account', 100_000);
  return Array.from({ length: count }, (_, place) => {
    const functionId = `fn-${place}`;
    const fn =
      kind === 'key' ? shared : world.addFunction({ functionId, accountId: `account-${place}` }, { callMs: CALL_MS });
    return { fn, kind, place };
  });
}

/** Busy ones ask for several times their share, light ones for a tenth of one; every other light one in bursts. */
function arriveFor(
  world: World,
  { fn, kind, place }: Tenant,
  { busy, share, forMs }: { busy: number; share: number; forMs: number },
): void {
  const isBusy = place < busy;
  const tenant = `${kind}-${place}`;
  const group = `${place === 0 ? 'flooding' : isBusy ? 'busy' : 'light'} ${kind}`;
  const keys = kind === 'key' ? { keyed: [tenant] } : {};
  const arrive = (): void => void world.schedule({ fn, tenant, group, steps: [], keys });
  const perSecond = share * (place === 0 ? FLOOD : isBusy ? 6 : 0.1);
  if (isBusy || place % 2 === 0) arrivePoisson(world, { perSecond, forMs }, arrive);
  else arriveInBursts(world, { perSecond, spellMs: forMs / 20, forMs }, arrive);
}
