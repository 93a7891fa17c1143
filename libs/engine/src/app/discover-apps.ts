import { connect } from 'node:net';
import { HEADERS } from '@perdure/protocol';

/** Where frameworks usually listen while people develop (http-api.md 4.3). */
const PORTS = [
  80, 443, 3000, 3001, 3002, 3003, 3004, 3005, 3006, 3007, 3008, 3009, 3010, 4321, 5000, 5173, 8000, 8080, 8081, 8787,
  8888, 8910, 8911, 8912, 8913, 8914, 8915,
];
/** Where SDKs usually serve. */
const PATHS = ['/api/inngest', '/x/inngest', '/.netlify/functions/inngest', '/.redwood/functions/inngest'];
const CONNECT_MS = 200;
const ANSWER_MS = 1_000;

/** Applications of this machine, one a port: what answers a GET at a usual port and path as an SDK does. */
export async function discoverApps(): Promise<string[]> {
  const found = await Promise.all(PORTS.map(discoverAt));
  return found.filter((url) => url !== undefined);
}

/** The first path counts: a server that answers everywhere is one application. */
async function discoverAt(port: number): Promise<string | undefined> {
  if (!(await isOpen(port))) return undefined;
  for (const path of PATHS) {
    const url = `http://localhost:${port}${path}`;
    if (await isApp(url)) return url;
  }
  return undefined;
}

/** One quick look at the port, so that a closed one costs no request for each path. */
function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: 'localhost', timeout: CONNECT_MS });
    const end = (isListening: boolean): void => {
      socket.destroy();
      resolve(isListening);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}

async function isApp(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    await response.body?.cancel();
    return response.headers.has(HEADERS.sdk);
  } catch {
    return false; // Whatever listens there is no application that can be used.
  }
}
