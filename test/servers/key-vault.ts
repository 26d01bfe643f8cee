/**
 * The REST answers of Key Vault, as far as we use them: keys and their versions, sign, wrapKey and unwrapKey. Over TLS,
 * since the SDK gives nobody a token otherwise; who has no token is told where to get one, as the service does.
 */
import {
  constants,
  createECDH,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { KeyClientOptions } from '@azure/keyvault-keys';
import { VaultKey } from '../../adapters/azure/vault';
import type { Clock } from '../../app/engine/ports';

const TOKEN = 'a token for the vault';
/** Order of the base point of P-256 (FIPS 186-4, D.1.2.3). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
/** Versions on a page, so that there are several. */
const PAGE = 2;

interface Version {
  readonly name: string;
  readonly version: string;
  readonly privateKey: KeyObject;
  readonly created: number;
  enabled: boolean;
}
interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** For the SDK: nobody vouches for the server's certificate, its address is none of Azure's, and nobody has time. */
export const VAULT_OPTIONS: KeyClientOptions = {
  disableChallengeResourceVerification: true,
  tlsOptions: { rejectUnauthorized: false } as KeyClientOptions['tlsOptions'],
  retryOptions: { maxRetries: 1, retryDelayInMs: 1, maxRetryDelayInMs: 1 },
};

/** A key of the server, as the app has it. */
export function vaultKeyOn(server: KeyVaultServer, name: string, clock: Clock = { now: () => 0 }): VaultKey {
  return new VaultKey(server.urlOf(name), server.credentialOf(), clock, VAULT_OPTIONS);
}

const refuse = (status: number, code: string, message: string, headers = {}): Answer => ({
  status,
  body: { error: { code, message } },
  headers,
});

export class KeyVaultServer {
  /** Method and last part of the path. */
  readonly requests: string[] = [];
  /** What the next requests that carry a token are answered, before they are looked at. */
  readonly failures: Answer[] = [];
  /** It takes what it is asked, and answers nothing. */
  isSilent = false;
  private readonly versions: Version[] = [];
  private clock = 1_700_000_000;
  private readonly server: https.Server;

  constructor() {
    // A certificate that nobody vouches for.
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- smtp-server has one, and does not export it
    const certificate = require('smtp-server/lib/tls-options.js') as () => { key: string; cert: string };
    this.server = https.createServer(certificate(), (request, response) => {
      if (this.isSilent) return;
      void this.answer(request).then(({ status, body, headers }) =>
        response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body)),
      );
    });
  }

  async start(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  /** The URL of a key. */
  urlOf(name: string): string {
    return `https://127.0.0.1:${(this.server.address() as AddressInfo).port}/keys/${name}`;
  }

  /** What asks for a token, and hears for what. */
  credentialOf(scopes: string[] = []) {
    return {
      getToken: async (scope: string | string[]) => {
        scopes.push(...[scope].flat());
        return await Promise.resolve({ token: TOKEN, expiresOnTimestamp: Date.now() + 3_600_000 });
      },
    };
  }

  /** Makes a key, or its next version. Answers the version. */
  create(name: string, kind: 'EC' | 'RSA'): string {
    const { privateKey } =
      kind === 'EC'
        ? generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
    const version = randomBytes(16).toString('hex');
    this.clock += 60;
    this.versions.push({ name, version, privateKey, created: this.clock, enabled: true });
    return version;
  }

  disable(version: string): void {
    for (const one of this.versions) if (one.version === version) one.enabled = false;
  }

  private async answer(request: IncomingMessage): Promise<Answer> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { pathname, searchParams } = new URL(request.url as string, 'https://vault');
    if (request.headers.authorization !== `Bearer ${TOKEN}`)
      return refuse(401, 'Unauthorized', 'AKV10000: Request is missing a Bearer or PoP token.', {
        'www-authenticate':
          'Bearer authorization="https://login.windows.net/11111111-2222-4333-8444-555555555555", resource="https://vault.azure.net"',
      });
    const [, collection, name = '', version = '', operation] = pathname.split('/');
    this.requests.push(`${request.method} ${operation ?? (version === 'versions' ? version : 'key')}`);
    const failure = this.failures.shift();
    if (failure !== undefined) return failure;
    if (!searchParams.has('api-version')) return refuse(400, 'BadParameter', 'api-version must be specified.');
    const all = this.versions.filter((one) => one.name === name).reverse();
    if (collection !== 'keys' || all.length === 0)
      return refuse(404, 'KeyNotFound', `A key with (name/id) ${name} was not found in this key vault.`);
    if (version === 'versions') return this.page(all, Number(searchParams.get('$skiptoken') ?? 0));
    const found = version === '' ? all[0] : all.find((one) => one.version === version);
    if (found === undefined)
      return refuse(404, 'KeyNotFound', `A key with (name/id) ${name}/${version} was not found in this key vault.`);
    if (!found.enabled) return refuse(403, 'Forbidden', 'Operation is not allowed on a disabled key.');
    if (operation === undefined) return { status: 200, body: this.bundle(found) };
    const { alg, value } = JSON.parse(Buffer.concat(chunks).toString()) as { alg: string; value: string };
    return this.operate(found, operation, alg, Buffer.from(value, 'base64url'));
  }

  private page(all: readonly Version[], from: number): Answer {
    const next = from + PAGE;
    const [first] = all as [Version];
    const value = all.slice(from, next).map((one) => ({ kid: this.idOf(one), attributes: attributesOf(one) }));
    const nextLink = next < all.length ? `${this.urlOf(first.name)}/versions?api-version=7.6&$skiptoken=${next}` : null;
    return { status: 200, body: { value, nextLink } };
  }

  private bundle(version: Version) {
    const { kty, n, e, crv, x, y } = createPublicKey(version.privateKey).export({ format: 'jwk' });
    return {
      key: { kid: this.idOf(version), kty, key_ops: opsOf(version), n, e, crv, x, y },
      attributes: attributesOf(version),
      tags: {},
    };
  }

  private operate(version: Version, operation: string, alg: string, value: Buffer): Answer {
    const { privateKey } = version;
    const wanted = { sign: 'ES256', wrapkey: 'RSA-OAEP-256', unwrapkey: 'RSA-OAEP-256' }[operation];
    if (!opsOf(version).some((op) => op.toLowerCase() === operation))
      return refuse(403, 'Forbidden', `Operation ${operation} is not permitted on this key.`);
    if (alg !== wanted) return refuse(400, 'BadParameter', `Algorithm ${alg} is not supported by this key.`);
    if (operation === 'sign' && value.length !== 32)
      return refuse(400, 'BadParameter', 'Invalid length of value: 32 bytes are expected.');
    const rsa = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
    try {
      const result =
        operation === 'sign'
          ? signDigest(privateKey, value)
          : operation === 'wrapkey'
            ? publicEncrypt({ key: createPublicKey(privateKey), ...rsa }, value)
            : privateDecrypt({ key: privateKey, ...rsa }, value);
      return { status: 200, body: { kid: this.idOf(version), value: result.toString('base64url') } };
    } catch {
      return refuse(400, 'BadParameter', 'The parameter is incorrect.');
    }
  }

  private idOf({ name, version }: Version): string {
    return `${this.urlOf(name)}/${version}`;
  }
}

const opsOf = ({ privateKey }: Version): readonly string[] =>
  privateKey.asymmetricKeyType === 'ec' ? ['sign', 'verify'] : ['wrapKey', 'unwrapKey'];

const attributesOf = ({ enabled, created }: Version) => ({
  ...{ enabled, created, updated: created },
  ...{ recoveryLevel: 'Recoverable', recoverableDays: 90, exportable: false },
});

/** ECDSA of what is hashed already (FIPS 186-4, 6.4), which `node:crypto` does not offer: both numbers side by side. */
function signDigest(privateKey: KeyObject, digest: Buffer): Buffer {
  const d = number(Buffer.from(privateKey.export({ format: 'jwk' }).d as string, 'base64url'));
  const nonce = createECDH('prime256v1');
  const r = number(nonce.generateKeys().subarray(1, 33)) % ORDER;
  const s = (inverse(number(nonce.getPrivateKey())) * (number(digest) + r * d)) % ORDER;
  return Buffer.from([r, s].map((one) => one.toString(16).padStart(64, '0')).join(''), 'hex');
}

const number = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`);

/** By Fermat: the order is a prime. */
function inverse(of: bigint): bigint {
  let [result, base] = [1n, of % ORDER];
  for (let power = ORDER - 2n; power > 0n; power >>= 1n) {
    if ((power & 1n) === 1n) result = (result * base) % ORDER;
    base = (base * base) % ORDER;
  }
  return result;
}
