import { randomFillSync, randomUUID } from 'node:crypto';
import { encodeUlid, type Ids } from '@perdure/domain';

const POOL_BYTES = 8192;
const HALF = 2 ** 40;
const TOKEN_BYTES = 16;

/** Bytes of the system's secure randomness, drawn in bulk: a call for each would cost more than all else here. */
class RandomPool {
  private readonly bytes = Buffer.alloc(POOL_BYTES);
  private at = POOL_BYTES;

  /** Valid until the next call. */
  take(count: number): Buffer {
    if (this.at + count > POOL_BYTES) {
      randomFillSync(this.bytes);
      this.at = 0;
    }
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }
}

/**
 * Secure randomness of this process. The 80 bits of a ULID's entropy are a counter that starts anywhere in its lower half
 * and advances by a random number of up to 32 bits: so IDs ascend within a millisecond whatever instants are asked for in
 * between, cannot be guessed from one another, and do not collide between processes.
 */
class SystemIds implements Ids {
  private readonly pool = new RandomPool();
  private high = this.pool.take(5).readUIntBE(0, 5) % (HALF / 2);
  private low = this.pool.take(5).readUIntBE(0, 5);
  private readonly entropy = Buffer.alloc(10);

  ulid(atMs: number): string {
    this.low += 1 + this.pool.take(4).readUInt32BE();
    if (this.low >= HALF) {
      this.low -= HALF;
      this.high = (this.high + 1) % HALF;
    }
    this.entropy.writeUIntBE(this.high, 0, 5);
    this.entropy.writeUIntBE(this.low, 5, 5);
    return encodeUlid(atMs, this.entropy);
  }

  token(): string {
    return this.pool.take(TOKEN_BYTES).toString('base64url');
  }

  uuid(): string {
    return randomUUID();
  }

  random(): number {
    return this.pool.take(6).readUIntBE(0, 6) / 2 ** 48;
  }
}

export const systemIds: Ids = new SystemIds();
