import { Controller, Get, Inject, Param, Query, UseGuards } from '@nestjs/common';
import { HttpFailure, PORTS } from '@perdure/boot';
import { DEFAULT_ENV_ID, type FunctionDefinition } from '@perdure/domain';
import { nextTickAt, type Ports } from '@perdure/engine';
import { cursorOf, envelopeV2, errorBodyV2, parsePage, toFunctionV2 } from '@perdure/protocol';
import { BearerGuard } from './bearer.guard.ts';

const LIMITS = { limitDefault: 50, limitMax: 100 };

/** The functions of one app (http-api.md 2.7). Apps go by name or UUID, functions by the user's ID, slug or UUID. */
@Controller(['v2/apps/:appId/functions', 'api/v2/apps/:appId/functions'])
@UseGuards(BearerGuard)
export class AppFunctionsController {
  private readonly ports: Ports;

  constructor(@Inject(PORTS) ports: Ports) {
    this.ports = ports;
  }

  @Get()
  async list(@Param('appId') appId: string, @Query() query: { limit?: string; cursor?: string }) {
    const page = parsePage(query, LIMITS);
    if (!page.ok) throw failure(400, page.code, page.message);
    const { limit, after = '' } = page;
    const all = (await this.functionsOf(appId)).filter(({ slug }) => slug > after);
    const fns = all.slice(0, limit);
    const last = fns.at(-1);
    const hasMore = all.length > fns.length;
    const next = hasMore && last !== undefined ? { cursor: cursorOf(last.slug), hasMore } : {};
    return { ...this.envelope(fns.map((fn) => this.view(fn))), page: { ...next, limit } };
  }

  @Get(':functionId')
  async get(@Param('appId') appId: string, @Param('functionId') name: string) {
    const views = (await this.functionsOf(appId)).map((fn) => ({ fn, view: this.view(fn) }));
    const found = views.find(({ fn, view }) => [view.id, fn.slug, fn.id].includes(name));
    if (found === undefined) throw failure(404, 'not_found', 'Function not found');
    return this.envelope(found.view);
  }

  /** By their slugs. */
  private async functionsOf(appId: string): Promise<FunctionDefinition[]> {
    const { catalog, registry } = this.ports;
    const fns = (await catalog.confirm()).active().filter((fn) => fn.appName === appId || fn.appId === appId);
    if (fns.length > 0) return fns.toSorted((a, b) => (a.slug < b.slug ? -1 : 1));
    const apps = await registry.listApps(DEFAULT_ENV_ID);
    if (!apps.some(({ id, name }) => [id, name].includes(appId))) throw failure(404, 'not_found', 'App not found');
    return [];
  }

  private view(fn: FunctionDefinition) {
    const { clock, catalog } = this.ports;
    const now = clock.now();
    return toFunctionV2(fn, {
      isPaused: catalog.held.get(fn.id) === 'paused',
      nextRunAt: (cron) => nextTickAt(cron, now),
    });
  }

  private envelope<T>(data: T) {
    return envelopeV2(data, this.ports.clock.now());
  }
}

function failure(status: number, code: string, message: string): HttpFailure {
  return new HttpFailure(status, errorBodyV2({ code, message }));
}
