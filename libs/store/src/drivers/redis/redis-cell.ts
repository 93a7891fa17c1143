import { cellPrefix } from '../../operations/keys.ts';
import { hashSlot } from './hash-slot.ts';
import type { RedisNode } from './redis-node.ts';
import type { RedisNodes } from './redis-nodes.ts';
import { repeatCommand } from './repeat-command.ts';

/**
 * Sends what concerns one cell to the server that has it, and sends it again, with the same arguments, when its outcome is
 * unknown or it was refused for a moment: so only commands that stand it may be sent.
 *
 * While a cluster migrates the cell's slot, its keys are on two servers, and an operation would see half of them. It does
 * not come to that: the key that an operation names is the prefix, which never exists, so that the old server answers ASK
 * and the new one MOVED. ASK is not followed but waited out.
 */
export class RedisCell {
  /** In front of each key of the operations. */
  readonly prefix: string;
  readonly #keyPrefix: string;
  readonly #tag: string;
  readonly #slot: number;
  readonly #nodes: RedisNodes;
  readonly #waitReplicas: number;
  readonly #patienceMs: number | undefined;

  /**
   * `name` is the hash tag. `keyPrefix` stands in front of all keys and has no braces; `patienceMs`: less of it, for
   * tests.
   */
  constructor(args: {
    name: string;
    nodes: RedisNodes;
    keyPrefix?: string;
    waitReplicas?: number;
    patienceMs?: number;
  }) {
    this.#keyPrefix = args.keyPrefix ?? '';
    this.prefix = this.#keyPrefix + cellPrefix(args.name);
    this.#tag = `{${args.name}}`;
    this.#slot = hashSlot(args.name);
    this.#nodes = args.nodes;
    this.#waitReplicas = args.waitReplicas ?? 0;
    this.#patienceMs = args.patienceMs;
  }

  /** A key beside those of the operations, on the same server. */
  keyBeside(kind: string): string {
    return `${this.#keyPrefix}pd-${kind}:${this.#tag}`;
  }

  /** Answers the reply, or rejects with a `PerdureError` that names `operation` and has the error of Redis as its cause. */
  async send<Reply>(operation: string, command: (node: RedisNode) => Promise<Reply>): Promise<Reply> {
    let node: RedisNode | undefined;
    return repeatCommand({
      operation,
      attempt: async () => {
        node = undefined;
        node = await this.#nodes.nodeOf(this.#slot);
        return command(node);
      },
      learn: (error) => this.#nodes.learn(error, node),
      patienceMs: this.#patienceMs,
    });
  }

  /** Everything that was answered so far survives what `durable()` promises. */
  durable(): Promise<void> {
    return this.send('durable', (node) => node.flushed(this.keyBeside('flush'), this.#waitReplicas));
  }

  epoch(): Promise<string> {
    return this.send('epoch', (node) => node.epoch());
  }
}
