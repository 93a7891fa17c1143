import { nats } from './nats.ts';
import { postgres } from './postgres.ts';
import { redis } from './redis.ts';
import type { ServiceName, ServiceRecipe, ServiceUnavailable, StartedService } from './service.ts';
import { startService } from './start-service.ts';

export const RECIPES: Record<ServiceName, ServiceRecipe> = { redis, nats, postgres };

/** An empty instance that nobody else uses, even where a variable names a server. */
export function startPrivateService(name: ServiceName): Promise<StartedService | ServiceUnavailable> {
  const { variable: _, ...recipe } = RECIPES[name];
  return startService(recipe);
}
