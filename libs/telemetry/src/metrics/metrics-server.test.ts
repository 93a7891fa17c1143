import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { openTelemetry, type TelemetryOptions } from '../open-telemetry.ts';
import { recordingLogger, silentLogger } from '../test-loggers.ts';

async function open(options: Partial<TelemetryOptions> = {}) {
  const telemetry = await openTelemetry({
    roles: ['runner', 'api'],
    version: '1.2.3',
    metrics: { host: '127.0.0.1', port: 0 },
    log: silentLogger,
    ...options,
  });
  onTestFinished(() => telemetry.close());
  const port = telemetry.metricsAddress?.port ?? 0;
  return { telemetry, port, url: `http://127.0.0.1:${port}` };
}

test('a scrape shows the work that was done, the process, and the type that Prometheus expects', async () => {
  const { telemetry, url } = await open();
  telemetry.metrics.runsEnded.add(1, 'shop-checkout', 'completed');

  const answer = await fetch(`${url}/metrics`, { headers: { authorization: 'Bearer whatever' } });
  const text = await answer.text();

  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(text).toContain('perdure_runs_ended_total{function="shop-checkout",status="completed"} 1\n');
  expect(text).toContain('inngest_function_run_ended_total{fn="shop-checkout",status="completed"} 1\n');
  expect(text).toContain('perdure_info{version="1.2.3",roles="runner,api"} 1\n');
  expect(Number(/^perdure_process_resident_bytes (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(1e6);
  expect(Number(/^perdure_process_cpu_seconds_total ([\d.]+)$/m.exec(text)?.[1])).toBeGreaterThan(0);
});

test('nothing else is served', async () => {
  const { url } = await open();

  expect((await fetch(`${url}/`)).status).toBe(404);
  expect((await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })).status).toBe(405);
});

test('metrics on the loopback address are closed to other hosts', async () => {
  const { port } = await open();
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((address) => address !== undefined && !address.internal && address.family === 'IPv4');

  await expect(fetch(`http://${outside?.address ?? '127.0.0.2'}:${port}/metrics`)).rejects.toThrow('fetch failed');
});

test('a port in use does not stop the start: the next one is taken, and the log says so', async () => {
  const other = createServer();
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const { port: wanted } = other.address() as AddressInfo;
  const log = recordingLogger();

  const { port, url } = await open({ metrics: { host: '127.0.0.1', port: wanted }, log });

  expect(port).toBeGreaterThan(wanted);
  expect((await fetch(`${url}/metrics`)).status).toBe(200);
  expect(log.lines).toContainEqual({
    level: 'warn',
    message: 'port conflict: the port for metrics is in use, another one is taken',
    facts: { wanted, port },
  });
});

test('a host that is not of this machine is an error that names the option', async () => {
  await expect(open({ metrics: { host: '203.0.113.1', port: 0 } })).rejects.toThrow('--metrics-host');
});

test('after closing, nobody listens, and closing again changes nothing', async () => {
  const { telemetry, url } = await open();
  await fetch(`${url}/metrics`);

  await telemetry.close();
  await telemetry.close();

  await expect(fetch(`${url}/metrics`)).rejects.toThrow('fetch failed');
});

test('without an address nothing is counted or served', async () => {
  const telemetry = await openTelemetry({ roles: ['runner'], version: '1.2.3', log: silentLogger });

  telemetry.metrics.eventsReceived.add(1);

  expect(telemetry.metricsAddress).toBeUndefined();
  expect(telemetry.tracer).toBeUndefined();
  expect(await telemetry.metrics.render()).toBe('');
});
