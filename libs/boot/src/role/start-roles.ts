import 'reflect-metadata';
import type { INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Ports } from '@perdure/engine';
import { HealthModule } from '../health/health.module.ts';
import { Readiness } from '../health/readiness.ts';
import { type HttpServer, listen } from '../http/listen.ts';
import { LoopStrategy } from './loop-strategy.ts';
import type { Loop, Role, RoleConfig } from './role.ts';

export interface RunningRoles {
  http: HttpServer;
  /** Resolves when a loop or the HTTP server has ended by itself: the others should be stopped too. */
  failed: Promise<Error>;
  /** Not ready from now on; stops taking work, waits for what is in flight. May be repeated. */
  stop(): Promise<void>;
}

/**
 * Starts the roles in this process. The HTTP server comes first and goes last: applications that are called report
 * progress to it, also while calls in flight are drained, and it tells whether the process is ready. `beforeLoops` runs
 * between the two. When one role fails to start the others are stopped again.
 */
export async function startRoles(
  roles: readonly Role[],
  ports: Ports,
  config: RoleConfig,
  beforeLoops: (http: HttpServer) => Promise<void> = async () => undefined,
): Promise<RunningRoles> {
  const services: INestMicroservice[] = [];
  const failures: Promise<Error>[] = [];
  const needs = roles.flatMap((role) => role.needs);
  const readiness = new Readiness(ports, needs);
  let http: HttpServer | undefined;
  let stopped: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    readiness.stopping();
    await Promise.all(services.map((service) => service.close()));
    await http?.close();
  };
  const stop = (): Promise<void> => (stopped ??= close());
  try {
    http = await startHttp(roles, ports, config, readiness);
    failures.push(http.failed);
    await beforeLoops(http);
    for (const role of roles) {
      const loops = role.loops?.(ports, config) ?? [];
      failures.push(...loops.map(({ failed }) => failed).filter((failed) => failed !== undefined));
      const service = await startLoops(role, loops, ports);
      if (service) services.push(service);
    }
    readiness.started();
    return { http, failed: Promise.race(failures), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startLoops(role: Role, loops: Loop[], ports: Ports): Promise<INestMicroservice | undefined> {
  const module = role.loopModule?.(ports);
  if (loops.length === 0 || module === undefined) return undefined;
  const service = await NestFactory.createMicroservice(module, {
    strategy: new LoopStrategy(loops),
    logger: false,
    abortOnError: false,
  });
  await service.listen();
  return service;
}

function startHttp(
  roles: readonly Role[],
  ports: Ports,
  config: RoleConfig,
  readiness: Readiness,
): Promise<HttpServer> {
  const modules = roles.map((role) => role.httpModule?.(ports, config)).filter((module) => module !== undefined);
  return listen([HealthModule.with(readiness), ...modules], {
    host: config.http.host,
    port: config.http.port,
    mayMove: config.mode === 'dev',
    serverKind: ports.settings.serverKind,
    log: ports.log,
  });
}
