import { readFileSync } from 'node:fs';
import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

/** `location /e/ { proxy_pass $event_api; }`, where the variable stands for the service of that name. */
const LOCATION = /location\s+(?<prefix>\S+)\s*\{\s*proxy_pass\s+\$(?<service>\w+);\s*\}/g;

export interface Gateway {
  readonly url: string;
  stop(): Promise<void>;
}

/** The service that nginx asks for each prefix of a path, the longest prefix first. */
export function readGatewayRules(path: string): { prefix: string; service: string }[] {
  const rules = [...readFileSync(path, 'utf8').matchAll(LOCATION)].map(({ groups }) => ({
    prefix: groups?.['prefix'] ?? '',
    service: (groups?.['service'] ?? '').replaceAll('_', '-'),
  }));
  return rules.toSorted((a, b) => b.prefix.length - a.prefix.length);
}

/** One address for all services, by the rules of an nginx config: what the gateway of docker-compose.yml does. */
export async function startGateway(configPath: string, urlOf: (service: string) => string): Promise<Gateway> {
  const rules = readGatewayRules(configPath);
  const server = createServer((incoming, outgoing) => {
    const path = incoming.url ?? '/';
    const rule = rules.find(({ prefix }) => path.startsWith(prefix));
    if (rule === undefined) return void outgoing.writeHead(404).end();
    const { method, headers } = incoming;
    const passed = send(new URL(path, urlOf(rule.service)), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    passed.on('error', () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()));
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
