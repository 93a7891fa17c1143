import type { DynamicModule } from '@nestjs/common';
import type { Ports } from '@perdure/engine';
import type { Config } from '@perdure/config';

/** What roles are told: the operator's choices, and which release this is. */
export type RoleConfig = Config & { version: string };

export type RoleName = 'event-api' | 'runner' | 'executor' | 'api';

/** A long-lived activity: `stop` waits for what is in flight and may be repeated. */
export interface Loop {
  start(): void;
  stop(): Promise<void>;
}

/**
 * What a process does, as a value: code never asks which role it runs in. Roles with controllers that listen at the same
 * address share one HTTP server; loops are handed to Nest as a transport strategy.
 */
export interface Role {
  name: RoleName;
  /** A Nest module with the role's controllers. */
  httpModule?: (ports: Ports, config: RoleConfig) => DynamicModule;
  /** A Nest module for the role's loops. */
  loopModule?: (ports: Ports) => DynamicModule;
  loops?: (ports: Ports, config: RoleConfig) => Loop[];
}
