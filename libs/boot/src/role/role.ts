import type { DynamicModule } from '@nestjs/common';
import type { NeededPort, Ports } from '@perdure/engine';
import type { Config, RoleName } from '@perdure/config';

/** What roles are told: the operator's choices, and which release this is. */
export type RoleConfig = Config & { version: string };

/** A long-lived activity: `stop` waits for what is in flight and may be repeated. */
export interface Loop {
  start(): void;
  stop(): Promise<void>;
  /** Resolves when it has ended without having been asked to. Absent: it never does. */
  readonly failed?: Promise<Error>;
}

/**
 * What a process does, as a value: code never asks which role it runs in. Roles with controllers that listen at the same
 * address share one HTTP server; loops are handed to Nest as a transport strategy.
 */
export interface Role {
  name: RoleName;
  /** What it cannot do its work without: the process is not ready while one of them is down. */
  needs: readonly NeededPort[];
  /** A Nest module with the role's controllers. */
  httpModule?: (ports: Ports, config: RoleConfig) => DynamicModule;
  /** A Nest module for the role's loops. */
  loopModule?: (ports: Ports) => DynamicModule;
  loops?: (ports: Ports, config: RoleConfig) => Loop[];
}
