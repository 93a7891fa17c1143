import { hash } from 'node:crypto';
import type { AppId, FunctionId, FunctionSlug } from '@perdure/domain';

/** Namespace of object identifiers (RFC 9562, 6.6). */
const OID_NAMESPACE = '6ba7b812-9dad-11d1-80b4-00c04fd430c8';

/** The app's UUID, of its name alone: the same on every server and after every sync (http-api.md 0). */
export function appIdOf(appName: string): AppId {
  return uuidV5(OID_NAMESPACE, appName);
}

/** The function's UUID, of its slug inside its app: stable across syncs (sdk-protocol.md 1.1). */
export function functionIdOf(appId: AppId, slug: FunctionSlug): FunctionId {
  return uuidV5(appId, slug);
}

/** Name-based UUID, version 5 (RFC 9562, 5.5). */
export function uuidV5(namespace: string, name: string): string {
  const input = Buffer.concat([Buffer.from(namespace.replaceAll('-', ''), 'hex'), Buffer.from(name)]);
  const bytes = hash('sha1', input, 'buffer').subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
