/** An issuer of tokens on this machine: its keys and its configuration over HTTP, and tokens that it has signed. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

export class TestIssuer {
  /** How often its keys were asked for. */
  asked = 0;
  /** What it answers instead of its keys, and instead of its configuration. */
  broken: string | undefined;
  configuration: string | undefined;
  /** How often that was asked for. */
  configured = 0;
  private readonly keys = new Map<string, { readonly privateKey: KeyObject; readonly jwk: object }>();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<TestIssuer> {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const issuer = new TestIssuer(server);
    server.on('request', ({ url }, response) => {
      if (url?.includes('openid-configuration') === true) {
        issuer.configured += 1;
        response.end(issuer.configuration ?? JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }));
        return;
      }
      issuer.asked += 1;
      response.end(issuer.broken ?? JSON.stringify({ keys: [...issuer.keys.values()].map(({ jwk }) => jwk) }));
    });
    issuer.add('first');
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** @param more members of the key, such as the issuer that it is for */
  add(kid: string, more: object = {}): void {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', ...more };
    this.keys.set(kid, { privateKey, jwk });
  }

  /** A token with these claims. */
  token(claims: object, header: object = {}): string {
    const head = { alg: 'RS256', typ: 'JWT', kid: 'first', ...header };
    const text = `${part(head)}.${part(claims)}`;
    const { privateKey } = this.keys.get(head.kid) ?? [...this.keys.values()][0]!;
    return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}
