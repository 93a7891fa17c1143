/** Setup file of the projects on real services: where those cannot be had, every test is left out, and CI fails. */
import { appendFileSync } from 'node:fs';
import { beforeEach, expect } from 'vitest';

import { servicesObstacle } from './backing-services.ts';
import { topology } from './topology.ts';

beforeEach(async (ctx) => {
  const obstacle = await servicesObstacle();
  if (obstacle === undefined) return;
  expect(process.env['CI'], `CI leaves nothing out: ${obstacle}`).not.toBe('true');
  const path = process.env['PERDURE_LEFT_OUT_FILE'];
  if (path !== undefined) appendFileSync(path, `${ctx.task.name} (${topology}): ${obstacle.replaceAll('\n', ' ')}\n`);
  ctx.skip(obstacle);
});
