import { type CustomTransportStrategy, Server } from '@nestjs/microservices';
import type { Loop } from './role.ts';

/**
 * A Nest transport whose messages are the work of engine loops: `listen` starts them, `close` drains them. Nest gives
 * lifecycle and shutdown, and is not on the path of a single step.
 */
export class LoopStrategy extends Server implements CustomTransportStrategy {
  private readonly loops: Loop[];

  constructor(loops: Loop[]) {
    super();
    this.loops = loops;
  }

  listen(callback: () => void): void {
    for (const loop of this.loops) loop.start();
    callback();
  }

  async close(): Promise<void> {
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }

  override on(): void {
    // Loops emit no transport events.
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the signature is Nest's
  override unwrap<T>(): T {
    return this.loops as T;
  }
}
