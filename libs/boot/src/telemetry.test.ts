import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { EventLoop, GaugesLoop, JobLoop, type Ports, receiveEvents, syncApp, UpkeepLoop } from '@perdure/engine';
import { parseTraceparent, recordingLogger } from '@perdure/telemetry';
import { failed, registration, sequentialSteps, startScriptedApp, type ScriptedFunction } from '@perdure/testing';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { openPorts } from './open-ports.ts';
import type { RoleConfig } from './role/role.ts';

const SENDER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const soon = { timeout: 20_000, interval: 20 };

interface ExportedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  attributes: { key: string; value: { stringValue?: string; intValue?: number } }[];
  links?: { spanId: string }[];
}

interface ExportRequest {
  resourceSpans: { scopeSpans: { spans: ExportedSpan[] }[] }[];
}

/** A collector of OTLP over HTTP. */
async function startCollector() {
  const spans: ExportedSpan[] = [];
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      const { resourceSpans } = body as ExportRequest;
      spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    named: (name: string) => spans.filter((span) => span.name === name),
    stop: () => void server.close(),
  };
}

function config(dir: string, otlpUrl: string): RoleConfig {
  return {
    version: '1.2.3',
    mode: 'dev',
    roles: ['runner', 'executor'],
    http: { host: '127.0.0.1', port: 0 },
    auth: { signingKeys: [], eventKeys: [] },
    data: { dir, isTemporary: true },
    sync: { urls: [], poll: false, pollIntervalMs: 5_000, discovery: false },
    executor: { concurrency: 10, retryIntervalMs: 10 },
    stream: { driver: 'embedded' },
    store: { driver: 'embedded' },
    history: { driver: 'pglite' },
    limits: { eventBytesMax: 1_000_000, retentionMs: 3_600_000 },
    log: { level: 'info', format: 'json' },
    telemetry: { metrics: { host: '127.0.0.1', port: 0 }, otlpUrl },
    drainMs: 1_000,
    sample: false,
  };
}

/** All that runs and calls, in this process, on embedded drivers. */
async function startPlatform(functions: ScriptedFunction[]) {
  const dir = await mkdtemp(join(tmpdir(), 'perdure-telemetry-'));
  const collector = await startCollector();
  const log = recordingLogger();
  const opened = await openPorts(config(dir, collector.url), log);
  const { ports } = opened;
  const app = await startScriptedApp({ name: 'shop', functions });
  await syncApp(ports, registration({ name: app.name, url: app.url, functions }));
  const loops = [new EventLoop(ports), new JobLoop(ports), new UpkeepLoop(ports, 0), new GaugesLoop(ports)];
  for (const loop of loops) loop.start();
  return {
    ports,
    app,
    log,
    collector,
    metrics: () => scrape(log.lines.find(({ message }) => message === 'metrics are served')?.facts['port'] as number),
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
      await app.stop();
      await opened.close();
      collector.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function scrape(port: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  return answer.text();
}

async function send(ports: Ports, event: { name: string }): Promise<string> {
  const traceparent = `00-${SENDER.traceId}-${SENDER.spanId}-01`;
  const result = await receiveEvents(ports, { body: JSON.stringify(event), traceparent });
  return result.ids[0] ?? '';
}

function attribute(span: ExportedSpan | undefined, key: string): string | number | undefined {
  const value = span?.attributes.find((one) => one.key === key)?.value;
  return value?.stringValue ?? value?.intValue;
}

describe('a platform that is watched', () => {
  let platform: Awaited<ReturnType<typeof startPlatform>>;

  beforeAll(async () => {
    platform = await startPlatform([
      { id: 'checkout', script: sequentialSteps(2) },
      { id: 'refund', retries: 1, script: () => failed('no money left') },
    ]);
    return () => platform.stop();
  });

  test('counts its events, runs, calls and operations, where a scrape shows them', async () => {
    await send(platform.ports, { name: 'test/checkout' });
    await send(platform.ports, { name: 'test/refund' });

    await vi.waitFor(async () => {
      const text = await platform.metrics();
      expect(text).toMatch(/^perdure_events_received_total 2$/m);
      expect(text).toContain('perdure_runs_scheduled_total{function="shop-checkout"} 1\n');
      expect(text).toContain('perdure_runs_started_total{function="shop-checkout"} 1\n');
      expect(text).toContain('perdure_runs_ended_total{function="shop-checkout",status="completed"} 1\n');
      expect(text).toContain('inngest_function_run_ended_total{fn="shop-refund",status="failed"} 1\n');
      expect(text).toContain('inngest_sdk_req_ended_total{fn="shop-refund",status="errored"} 1\n');
      expect(text).toContain('inngest_sdk_req_ended_total{fn="shop-refund",status="failed"} 1\n');
      expect(text).toContain('perdure_jobs_taken_total{function="shop-checkout",how="chained"} 2\n');
      expect(text).toMatch(/^perdure_port_operation_seconds_count\{port="store",operation="advance"\} [1-9]/m);
      expect(text).toMatch(/^perdure_port_operation_seconds_count\{port="stream",operation="append"\} [1-9]/m);
      expect(text).toMatch(/^perdure_claim_jobs_sum 3$/m);
      expect(text).toMatch(/^perdure_event_delay_seconds_count [1-9]/m);
      expect(text).toContain('perdure_duties_held{duty="upkeep"} 1\n');
      expect(text).toContain('perdure_executor_slots 10\n');
      expect(text).toMatch(/^inngest_queue_depth \d+$/m);
    }, soon);
  });

  test('has one trace from the sender of an event to each call, which the application goes on with', async () => {
    const { ports, app, collector } = platform;
    const callsBefore = app.calls('shop-checkout').length;

    const eventId = await send(ports, { name: 'test/checkout' });

    const calls = (await app.waitForCalls(callsBefore + 3, { slug: 'shop-checkout' })).slice(callsBefore);
    const mine = (name: string): ExportedSpan[] =>
      collector.named(name).filter((span) => attribute(span, 'perdure.event_id') === eventId);
    await vi.waitFor(() => expect(mine('event.handle')).toHaveLength(1), soon);
    const [request] = mine('POST /e');
    const [handling] = mine('event.handle');
    const [scheduling] = mine('run.schedule');
    expect(request).toMatchObject({ traceId: SENDER.traceId, parentSpanId: SENDER.spanId });
    expect(handling).toMatchObject({ traceId: SENDER.traceId, parentSpanId: request?.spanId });
    expect(scheduling).toMatchObject({ traceId: SENDER.traceId, parentSpanId: handling?.spanId });
    expect(attribute(scheduling, 'perdure.function')).toBe('shop-checkout');
    const runId = attribute(scheduling, 'perdure.run_id');

    const ofRun = (name: string): ExportedSpan[] =>
      collector.named(name).filter((span) => attribute(span, 'perdure.run_id') === runId);
    await vi.waitFor(() => expect(ofRun('step.commit')).toHaveLength(3), soon);
    const traced = ofRun('step.call');
    expect(traced.map(({ parentSpanId }) => parentSpanId)).toEqual(Array(3).fill(scheduling?.spanId));
    expect(calls.map(({ headers }) => parseTraceparent(headers['traceparent'] as string))).toEqual(
      traced.map(({ spanId }) => ({ traceId: SENDER.traceId, spanId, isSampled: true })),
    );
    const commits = ofRun('step.commit');
    expect(new Set(commits.map(({ parentSpanId }) => parentSpanId))).toEqual(
      new Set(traced.map(({ spanId }) => spanId)),
    );
    // The first call came with a claim, the next ones with the commit before them.
    const claims = collector.named('job.claim').map(({ spanId }) => spanId);
    expect(claims).toContain(traced[0]?.links?.[0]?.spanId);
    expect(traced[1]?.links ?? []).toEqual([]);
    await vi.waitFor(() => expect(collector.named('outbox.drain').length).toBeGreaterThan(0), soon);
  });

  test('names run, function and trace in lines about a call', async () => {
    const { ports, app, log } = platform;
    const linesBefore = log.lines.length;
    const callsBefore = app.calls('shop-refund').length;

    await send(ports, { name: 'test/refund' });
    await app.waitForCalls(callsBefore + 2, { slug: 'shop-refund' });

    const lines = () => log.lines.slice(linesBefore).filter(({ message }) => message === 'a run failed');
    await vi.waitFor(() => expect(lines()).toHaveLength(1), soon);
    expect(lines()[0]?.facts).toMatchObject({
      runId: expect.any(String),
      functionId: expect.any(String),
      traceId: SENDER.traceId,
    });
  });
});
