import type { JsonObject } from '@perdure/domain';
import type { TestContext } from 'vitest';

/** Connects a WebSocket to the server at `url` and keeps what it gets, until the test ends. */
export async function listenBySocket(ctx: TestContext, url: string, token: string) {
  const frames: JsonObject[] = [];
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/realtime/connect?token=${token}`);
  ctx.onTestFinished(() => socket.close());
  socket.addEventListener('message', ({ data }) => frames.push(JSON.parse(String(data)) as JsonObject));
  const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener('close', resolve));
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', reject);
  });
  return { socket, frames, closed };
}

/** Opens server-sent events of the server at `url` and keeps what comes, as text, until the test ends. */
export async function listenByEvents(ctx: TestContext, url: string, token: string) {
  const abort = new AbortController();
  ctx.onTestFinished(() => abort.abort());
  const response = await fetch(`${url}/v1/realtime/sse?token=${token}`, { signal: abort.signal });
  const received = { text: '' };
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const bytes of response.body ?? []) received.text += decoder.decode(bytes, { stream: true });
  };
  const ended = read().catch((error: unknown) => {
    if (!abort.signal.aborted) throw error;
  });
  return { response, received, ended };
}
