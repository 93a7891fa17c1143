import 'reflect-metadata';
import type { DynamicModule, INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Ports } from '@perdure/engine';
import { type HttpServer, listen } from '../http/listen.ts';
import { LoopStrategy } from './loop-strategy.ts';
import type { Role, RoleConfig } from './role.ts';

export interface RunningRoles {
  http?: HttpServer;
  /** Stops taking work, waits for what is in flight. May be repeated. */
  stop(): Promise<void>;
}

/**
 * Starts the roles in this process. The HTTP server comes first and goes last: applications that are called report
 * progress to it, also while calls in flight are drained. `beforeLoops` runs between the two. When one role fails to
 * start the others are stopped again.
 */
export async function startRoles(
  roles: Role[],
  ports: Ports,
  config: RoleConfig,
  beforeLoops: (http: HttpServer) => Promise<void> = async () => undefined,
): Promise<RunningRoles> {
  const services: INestMicroservice[] = [];
  let http: HttpServer | undefined;
  const stop = async (): Promise<void> => {
    await Promise.all(services.map((service) => service.close()));
    await http?.close();
  };
  try {
    http = await startHttp(roles, ports, config);
    if (http) await beforeLoops(http);
    for (const role of roles) {
      const service = await startLoops(role, ports, config);
      if (service) services.push(service);
    }
    return { ...(http && { http }), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startLoops(role: Role, ports: Ports, config: RoleConfig): Promise<INestMicroservice | undefined> {
  const loops = role.loops?.(ports, config) ?? [];
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

async function startHttp(roles: Role[], ports: Ports, config: RoleConfig): Promise<HttpServer | undefined> {
  const modules = roles
    .map((role) => role.httpModule?.(ports, config))
    .filter((module): module is DynamicModule => module !== undefined);
  if (modules.length === 0) return undefined;
  return listen(modules, {
    host: config.http.host,
    port: config.http.port,
    mayMove: config.mode === 'dev',
    serverKind: ports.settings.serverKind,
    log: ports.log,
  });
}
