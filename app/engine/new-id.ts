/** UUIDv7 (RFC 9562): sorted by time, so that new streams stand together in every index. */
import { createHash, randomFillSync } from 'node:crypto';
import { systemId } from '../../domain/kernel/ids';
import { systemClock } from './clock';

/** Random bytes are made many at a time: one by one they cost more than all the rest of an id. */
const POOL = Buffer.alloc(4_096);
let used = POOL.length;

/** Takes `count` fresh random bytes; answers where they begin. */
function take(count: number): number {
  if (used + count > POOL.length) {
    randomFillSync(POOL);
    used = 0;
  }
  used += count;
  return used - count;
}

/** `bytes` random bytes in hexadecimal. */
export function randomHex(bytes: number): string {
  const at = take(bytes);
  return POOL.toString('hex', at, at + bytes);
}

/** @param now milliseconds since the epoch */
export function newId(now: number = systemClock.now()): string {
  const at = take(16);
  POOL.writeUIntBE(now, at, 6);
  POOL[at + 6] = ((POOL[at + 6] as number) & 0x0f) | 0x70;
  POOL[at + 8] = ((POOL[at + 8] as number) & 0x3f) | 0x80;
  return dashed(POOL.toString('hex', at, at + 16));
}

/** The id that a create gets from its Idempotency-Key: a retry lands in the same stream. */
export function derivedId(tenant: string, principal: string, key: string, part = 0): string {
  const bytes = createHash('sha256')
    .update(JSON.stringify([tenant, principal, key, part]))
    .digest()
    .subarray(0, 16);
  // Version 8: made by our own rule.
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return dashed(bytes.toString('hex'));
}

/** The id of what the product opens by itself because of `key`: always the same, and out of every caller's reach. */
export function derivedSystemId(
  tenant: string,
  what: 'round' | 'challenge' | 'gate' | 'job' | 'schedule',
  key: string,
): string {
  return systemId(derivedId(tenant, what, key));
}

/** True for an id as `derivedId` makes it: whoever knows another's key must not be there first. */
export function isDerivedId(id: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id);
}

function dashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
