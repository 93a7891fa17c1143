import { describe } from 'vitest';
import { describeBuffers } from './contract/buffers.contract.ts';
import { describeAudit } from './contract/audit.contract.ts';
import { describeDefers } from './contract/defers.contract.ts';
import { describeDiscovery } from './contract/discovery.contract.ts';
import { describeExplain } from './contract/explain.contract.ts';
import { describeHousekeeping } from './contract/housekeeping.contract.ts';
import { describeJobs } from './contract/jobs.contract.ts';
import { describeLimits } from './contract/limits.contract.ts';
import { describePauses } from './contract/pauses.contract.ts';
import type { OpenStore } from './contract/player.ts';
import { describeRandomStories } from './contract/random.contract.ts';
import { describeRekey } from './contract/rekey.contract.ts';
import { describeRuns } from './contract/runs.contract.ts';
import { describeSchedule } from './contract/schedule.contract.ts';

/** Random stories played; each opens a store of its own. */
const STORIES = 60;

/** What every driver of the store must show. `open` gives an empty store of its own, on the clock of the test. */
export function describeStore(name: string, open: OpenStore): void {
  describe(`store ${name}`, () => {
    describeSchedule(open);
    describeBuffers(open);
    describeRuns(open);
    describeJobs(open);
    describeDiscovery(open);
    describeDefers(open);
    describePauses(open);
    describeLimits(open);
    describeRekey(open);
    describeExplain(open);
    describeHousekeeping(open);
    describeAudit(open);
    describeRandomStories(open, STORIES);
  });
}
