/**
 * Keys that Key Vault holds and never gives away: one that signs checkpoints, one that wraps the keys of people. Each
 * has versions. The newest one signs and wraps; what an earlier one has wrapped it unwraps, as long as it is enabled.
 */
import { createPublicKey, hash, verify } from 'node:crypto';
import { type CryptographyClient, KeyClient, type KeyClientOptions, type KeyVaultKey } from '@azure/keyvault-keys';
import { type Clock, type LogSigner, type Report, StoreBusy } from '../../app/engine/ports';
import type { KeyWrap } from '../../app/engine/ports-personal';
import { type NoteKey, signatureLine, verifierKey } from '../../domain/kernel/note';
import { KEY_BYTES } from '../../domain/kernel/sealing';
import { vaultBusy } from './busy';
import { type Credential, credentialOf } from './identity';
import { answeredWithin, PATIENCE_MS } from './patience';

/** What wraps; the vault's standard tier has no symmetric keys. */
const WRAPPING = 'RSA-OAEP-256';
const HASH_BYTES = 32;
/** How long the newest version is taken for the newest one: so soon after a rotation all processes know the next. */
const NEWEST_MS = 300_000;
/** Somebody waits: three retries take some four seconds, the SDK's own some thirty. */
const RETRIES = { maxRetries: 3, retryDelayInMs: 500, maxRetryDelayInMs: 2_000 } as const;

/** That a vault is away is told so often: whoever needs it is answered 503, and nobody looks at those. */
const TOLD_EVERY_MS = 600_000;

/** An answer that is asked for again after a while, or when there was none. */
class Lately<T> {
  private last: { readonly answer: Promise<T>; readonly until: number } | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly ask: () => Promise<T>,
  ) {}

  async get(): Promise<T> {
    const now = this.clock.now();
    if (this.last === undefined || now >= this.last.until) {
      const answer = this.ask();
      this.last = { answer, until: now + NEWEST_MS };
      answer.catch(() => (this.last = undefined));
    }
    return await this.last.answer;
  }
}

export interface VaultOptions extends KeyClientOptions {
  /** Milliseconds for one call with all its attempts. */
  readonly patienceMs?: number;
  /** Hears, once in a while, that the vault is away. */
  readonly report?: Report;
}

/** A key of a vault, and its versions. */
export class VaultKey {
  private readonly patienceMs: number;
  private readonly client: KeyClient;
  private readonly name: string;
  private readonly newest: Lately<KeyVaultKey>;
  private readonly enabled: Lately<readonly KeyVaultKey[]>;
  private readonly known = new Map<string, Promise<KeyVaultKey>>();
  private readonly operations = new Map<string, CryptographyClient>();
  private readonly report: Report | undefined;
  private toldAt = -Infinity;

  /** @param key its URL without a version: `https://name.vault.azure.net/keys/name` */
  constructor(
    private readonly key: string,
    credential: Credential,
    private readonly clock: Clock,
    options: VaultOptions = {},
  ) {
    const { patienceMs = PATIENCE_MS, report, ...clientOptions } = options;
    this.patienceMs = patienceMs;
    this.report = report;
    const { origin, pathname } = new URL(key);
    this.name = pathname.slice('/keys/'.length);
    this.client = new KeyClient(origin, credential, { retryOptions: RETRIES, ...clientOptions });
    this.newest = new Lately(clock, () => this.asked((abortSignal) => this.client.getKey(this.name, { abortSignal })));
    this.enabled = new Lately(clock, () => this.list());
  }

  /** The version that signs and wraps now. */
  current(): Promise<KeyVaultKey> {
    return this.newest.get();
  }

  /** All versions that are enabled, newest first. */
  versions(): Promise<readonly KeyVaultKey[]> {
    return this.enabled.get();
  }

  async sign(version: string, digest: Uint8Array): Promise<Buffer> {
    const { result } = await this.asked((abortSignal) => this.with(version).sign('ES256', digest, { abortSignal }));
    return Buffer.from(result);
  }

  async wrap(version: string, bytes: Uint8Array): Promise<Buffer> {
    const { result } = await this.asked((abortSignal) => this.with(version).wrapKey(WRAPPING, bytes, { abortSignal }));
    return Buffer.from(result);
  }

  async unwrap(version: string, wrapped: Uint8Array): Promise<Buffer> {
    const { result } = await this.asked((abortSignal) =>
      this.with(version).unwrapKey(WRAPPING, wrapped, { abortSignal }),
    );
    return Buffer.from(result);
  }

  private async list(): Promise<readonly KeyVaultKey[]> {
    const found: { readonly version: string; readonly createdOn: number }[] = [];
    await this.asked(async (abortSignal) => {
      const pages = this.client.listPropertiesOfKeyVersions(this.name, { abortSignal });
      for await (const { version, enabled, createdOn } of pages)
        if (version !== undefined && enabled === true) found.push({ version, createdOn: createdOn?.getTime() ?? 0 });
    });
    found.sort((a, b) => b.createdOn - a.createdOn);
    return await Promise.all(found.map(({ version }) => this.version(version)));
  }

  /** A version never changes. */
  private version(version: string): Promise<KeyVaultKey> {
    let key = this.known.get(version);
    if (key === undefined) {
      key = this.asked((abortSignal) => this.client.getKey(this.name, { version, abortSignal }));
      key.catch(() => this.known.delete(version));
      this.known.set(version, key);
    }
    return key;
  }

  private with(version: string): CryptographyClient {
    let client = this.operations.get(version);
    if (client === undefined) {
      client = this.client.getCryptographyClient(this.name, { keyVersion: version });
      this.operations.set(version, client);
    }
    return client;
  }

  private async asked<T>(ask: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    return await answeredWithin(this.patienceMs, ask).catch((error: unknown) => {
      const busy = vaultBusy(error);
      if (busy instanceof StoreBusy) this.tellAway(busy, error);
      throw busy;
    });
  }

  private tellAway({ message }: StoreBusy, error: unknown): void {
    const now = this.clock.now();
    if (now < this.toldAt + TOLD_EVERY_MS) return;
    this.toldAt = now;
    this.report?.('a key of the vault can’t be used now: what needs it is told to come again', {
      key: this.key,
      error: `${message} (${error instanceof Error ? error.message : String(error)})`,
    });
  }
}

/** The key of a vault, asked for as the managed identity with this client id; undefined: as who is logged in. */
export function openVaultKey(key: string, clientId: string | undefined, clock: Clock, report: Report): VaultKey {
  return new VaultKey(key, credentialOf(clientId), clock, { report });
}

function sha256(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

function versionOf({ properties: { version } }: KeyVaultKey): string {
  return version as string;
}

// -------------------------------------------------------------------------------------------------------- signing

/** Signs checkpoints with ECDSA on P-256 (ES256). Verifier keys are those of all versions, newest first. */
export class VaultLogSigner implements LogSigner {
  constructor(private readonly key: VaultKey) {}

  async verifierKeys(name: string): Promise<readonly string[]> {
    return (await this.key.versions()).map((version) => verifierKey(name, noteKeyOf(version)));
  }

  async sign(name: string, text: string): Promise<readonly string[]> {
    const newest = await this.key.current();
    const key = noteKeyOf(newest);
    const signature = ecdsaDer(await this.key.sign(versionOf(newest), sha256(text)));
    // Once it stands in the log a line that does not fit makes the checkpoint a forged one, for everybody and for good.
    if (!verify('sha256', Buffer.from(text), { key: key.bytes, format: 'der', type: 'spki' }, signature))
      throw new Error('Key Vault has answered with a signature that does not fit');
    return [signatureLine(name, key, signature)];
  }
}

function noteKeyOf({ id, key }: KeyVaultKey): NoteKey {
  if (key?.crv !== 'P-256' || key.x === undefined || key.y === undefined)
    throw new Error(`${id ?? 'the key of the log'} is no EC key on P-256, which alone signs checkpoints`);
  const [x, y] = [key.x, key.y].map((bytes) => Buffer.from(bytes).toString('base64url')) as [string, string];
  const bytes = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' }).export({
    type: 'spki',
    format: 'der',
  });
  return { type: 'ecdsa-p256', bytes };
}

/** A signature as two numbers side by side (RFC 7518, section 3.4), in DER as notes have it (RFC 3279, 2.2.3). */
function ecdsaDer(signature: Buffer): Buffer {
  const half = signature.length / 2;
  const numbers = [signature.subarray(0, half), signature.subarray(half)].map((bytes) => {
    const first = Math.min(
      bytes.findIndex((byte) => byte !== 0),
      half - 1,
    );
    const shortest = bytes.subarray(Math.max(0, first));
    // A first bit that is set would make it negative.
    const positive = (shortest[0] as number) < 0x80 ? shortest : Buffer.concat([Buffer.alloc(1), shortest]);
    return Buffer.concat([Buffer.from([0x02, positive.length]), positive]);
  });
  const body = Buffer.concat(numbers);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

// ------------------------------------------------------------------------------------------------------- wrapping

/** What is kept of a wrapped key: by which version, and the bytes in base64. */
interface Wrapped {
  readonly version: string;
  readonly wrapped: string;
}

/**
 * Wraps keys with an RSA key: in the vault, so that who has the host's memory, or its settings, can unwrap no key
 * without the vault, and the vault's own log has each time. OAEP binds nothing that isn't encrypted: the hash of the
 * place is, beside the key.
 */
export class VaultKeyWrap implements KeyWrap {
  constructor(private readonly key: VaultKey) {}

  async wrap(place: string, key: Uint8Array): Promise<Uint8Array> {
    const version = versionOf(await this.key.current());
    const wrapped = await this.key.wrap(version, Buffer.concat([key, sha256(place)]));
    return Buffer.from(JSON.stringify({ version, wrapped: wrapped.toString('base64') } satisfies Wrapped));
  }

  async unwrap(place: string, wrapped: Uint8Array): Promise<Uint8Array> {
    const read = readWrapped(wrapped);
    if (read === undefined) throw new Error('it was not wrapped by a key of a vault');
    const opened = await this.key.unwrap(read.version, Buffer.from(read.wrapped, 'base64'));
    if (opened.length !== KEY_BYTES + HASH_BYTES || !opened.subarray(KEY_BYTES).equals(sha256(place)))
      throw new Error(`it was not wrapped for ${place}`);
    return opened.subarray(0, KEY_BYTES);
  }
}

/** Only a version: an address from a store could be anybody's, who would be given the identity's token. */
function readWrapped(bytes: Uint8Array): Wrapped | undefined {
  try {
    const { version, wrapped } = JSON.parse(Buffer.from(bytes).toString()) as Partial<Wrapped>;
    return typeof wrapped === 'string' && /^[0-9a-f]{32}$/.test(version ?? '')
      ? { version: version as string, wrapped }
      : undefined;
  } catch {
    return undefined;
  }
}
