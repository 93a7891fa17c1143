import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openTelemetry } from '../open-telemetry.ts';
import { recordingTelemetry } from '../recording-telemetry.ts';
import { recordingLogger, silentLogger } from '../test-loggers.ts';
import { tracesUrl } from './otlp-tracer.ts';
import { parseTraceparent } from './traceparent.ts';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('a span', () => {
  test('belongs to the trace of its parent, and what it causes to it', () => {
    const { tracer, spans } = recordingTelemetry();

    const request = tracer?.start('POST /e', { parent: PARENT });
    const handling = tracer?.start('event.handle', { parent: request?.traceparent });
    handling?.end();
    request?.end();

    const [handled, received] = spans();
    expect(received).toMatchObject({ name: 'POST /e', parentSpanId: 'b7ad6b7169203331' });
    expect(handled).toMatchObject({ name: 'event.handle', parentSpanId: received?.spanId });
    expect(new Set(spans().map(({ traceId }) => traceId))).toEqual(new Set(['0af7651916cd43dd8448eb211c80319c']));
  });

  test('without a parent, or with one that is not valid, has a trace of its own', () => {
    const { tracer, spans } = recordingTelemetry();

    for (const parent of [undefined, '', 'nonsense', `${PARENT}0`.replace('0af', '0AF')]) {
      tracer?.start('POST /e', { parent }).end();
    }

    expect(spans().map(({ parentSpanId }) => parentSpanId)).toEqual([undefined, undefined, undefined, undefined]);
    expect(new Set(spans().map(({ traceId }) => traceId)).size).toBe(4);
  });

  test('of a trace that is not sampled is not recorded, and neither is what it causes', () => {
    const { tracer, spans } = recordingTelemetry();

    const request = tracer?.start('POST /e', { parent: PARENT.replace(/01$/, '00') });
    tracer?.start('event.handle', { parent: request?.traceparent }).end();
    request?.end();

    expect(spans()).toEqual([]);
    expect(parseTraceparent(request?.traceparent)).toMatchObject({ isSampled: false });
  });

  test('has attributes, links, and the error it ended with; ending it again changes nothing', () => {
    const { tracer, spans } = recordingTelemetry();

    const span = tracer?.start('step.call', { links: [PARENT, 'nonsense'], attributes: { 'perdure.run_id': 'R1' } });
    span?.set({ 'perdure.attempt': 2 });
    span?.end(new Error('the application is away'));
    span?.end();

    expect(spans()).toMatchObject([
      {
        links: ['b7ad6b7169203331'],
        attributes: { 'perdure.run_id': 'R1', 'perdure.attempt': 2 },
        error: 'the application is away',
      },
    ]);
  });
});

describe('a traceparent', () => {
  test('is read by the rules of W3C', () => {
    expect(parseTraceparent(PARENT)).toEqual({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      isSampled: true,
    });
    expect(parseTraceparent(`cc${PARENT.slice(2)}-more`)).toMatchObject({ isSampled: true });
    for (const bad of [
      'ff' + PARENT.slice(2),
      PARENT.replace(/b7.*31/, '0'.repeat(16)),
      `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    ]) {
      expect(parseTraceparent(bad)).toBeUndefined();
    }
  });
});

describe('the export', () => {
  async function startCollector() {
    const requests: { path: string | undefined; body: string }[] = [];
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        requests.push({ path: request.url, body });
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    return { requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  }

  test('sends what has ended, the last spans when the process ends', async () => {
    const { requests, url } = await startCollector();
    const telemetry = await openTelemetry({ roles: ['runner'], version: '1.2.3', otlpUrl: url, log: silentLogger });

    telemetry.tracer?.start('outbox.drain', { attributes: { 'perdure.entries': 3 } }).end();
    await telemetry.close();

    expect(requests.map(({ path }) => path)).toEqual(['/v1/traces']);
    expect(requests[0]?.body).toContain('"outbox.drain"');
    expect(requests[0]?.body).toContain('"perdure.entries"');
    expect(requests[0]?.body).toContain('"1.2.3"');
  });

  test('to a collector that is away is given up with a warning', async () => {
    const log = recordingLogger();
    const telemetry = await openTelemetry({ roles: [], version: '1.2.3', otlpUrl: 'http://127.0.0.1:1', log });

    telemetry.tracer?.start('outbox.drain').end();
    await telemetry.close();

    expect(log.lines.filter(({ level }) => level === 'warn').length).toBeGreaterThan(0);
  });

  test('goes to the path of traces', () => {
    expect(tracesUrl('http://collector:4318')).toBe('http://collector:4318/v1/traces');
    expect(tracesUrl('http://collector:4318/otlp/')).toBe('http://collector:4318/otlp/v1/traces');
    expect(tracesUrl('http://collector:4318/v1/traces')).toBe('http://collector:4318/v1/traces');
  });
});
