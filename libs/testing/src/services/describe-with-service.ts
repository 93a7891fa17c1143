import { appendFileSync } from 'node:fs';
import { describe, expect, inject, test } from 'vitest';

import type { ServiceName } from './service.ts';
import type { SharedService } from './shared-services.ts';

/**
 * A suite that needs a real service, shared with other test files of the same run: isolate by a random cell, database or
 * stream name. Without the service the suite is left out, and the run says so and why at its end; where `CI=true` it fails
 * instead.
 */
export function describeWithService(
  service: ServiceName,
  name: string,
  body: (service: { url: string; origin: string }) => void,
): void {
  describe(`${name} on a real ${service}`, async () => {
    const shared = await findSharedService(service);
    if (shared.kind === 'started') {
      body(shared);
      return;
    }

    test(`is left out without ${service}`, (context) => {
      expect(process.env['CI'], `CI leaves nothing out: ${shared.reason}`).not.toBe('true');
      tellLeftOut(`${name}: no ${service}: ${shared.reason}`);
      context.skip(shared.reason);
    });
  });
}

/** `npm test` collects what was left out in a file, one line each. */
function tellLeftOut(reason: string): void {
  const path = process.env['PERDURE_LEFT_OUT_FILE'];
  if (path !== undefined) appendFileSync(path, `${reason.replaceAll('\n', ' ')}\n`);
}

/** The instance of a service that all test files share, started when the first asks for it. */
export async function findSharedService(service: ServiceName): Promise<SharedService> {
  const response = await fetch(`${inject('sharedServicesUrl')}/${service}`);
  return JSON.parse(await response.text());
}
