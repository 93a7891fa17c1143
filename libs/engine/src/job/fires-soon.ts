import { assertNever, type EpochMs } from '@perdure/domain';
import type { StepPlan } from '@perdure/store';

/** At rest claims look again this often at the latest, with few cells: what comes after it they learn of in time. */
const SOON_MS = 5_000;

/**
 * Whether one of the plans has a timer before the next claim that would come by itself: then a claim must learn of it, or the
 * run goes on late.
 */
export function firesSoon(plans: readonly StepPlan[], now: EpochMs): boolean {
  return plans.some((plan) => timerOf(plan) < now + SOON_MS);
}

function timerOf(plan: StepPlan): EpochMs {
  switch (plan.kind) {
    case 'run':
      return Infinity;
    case 'sleep':
      return plan.wakeAt;
    case 'wait':
    case 'invoke':
    case 'signal':
      return plan.pause.expiresAt;
    default:
      return assertNever(plan);
  }
}
