import { once } from 'node:events';
import { connect } from 'node:net';

/** Commands that operations send from within the server: they cost no round trip. */
const FROM_CLIENTS = new Set(['fcall', 'ping', 'info', 'wait', 'waitaof', 'function|load', 'function|list', 'multi']);

/** Commands that clients have sent to a Redis server so far, as far as the platform sends them. */
export async function readStoreCommands(url: string): Promise<number> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.setEncoding('utf8');
  let text = '';
  socket.write('INFO commandstats\r\nQUIT\r\n');
  for await (const chunk of socket) text += String(chunk);
  let calls = 0;
  for (const [, name = '', count = '0'] of text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) {
    if (FROM_CLIENTS.has(name)) calls += Number(count);
  }
  return calls;
}
