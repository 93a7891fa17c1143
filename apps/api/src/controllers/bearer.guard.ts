import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { apiFailure, PORTS } from '@perdure/boot';
import type { Ports } from '@perdure/engine';
import { isBearerAccepted } from '@perdure/protocol';
import type { FastifyRequest } from 'fastify';

/** Lets a request pass that bears one of the signing keys; without configured keys everything passes. */
@Injectable()
export class BearerGuard implements CanActivate {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<FastifyRequest>();
    if (isBearerAccepted(headers.authorization, this.ports.settings.signingKeys)) return true;
    throw apiFailure(401, 'Authentication failed');
  }
}
