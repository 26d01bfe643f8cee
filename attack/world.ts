/**
 * What is attacked: a host that believes nobody without a token, three tenants and the platform's, people whom an
 * issuer vouches for, agents and services with tokens of the host, and a listener that nobody must be led to.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Role } from '../domain/identity/role';
import type { Level } from '../domain/kernel/principal';
import { TestIssuer } from '../test/support/issuer';
import { McpTestServer } from '../test/support/mcp-server';
import { type Reply, saidBy, send, type Sent } from './http';
import { Trace } from './trace';

/** A host that was started for the attack. */
export interface Host {
  readonly url: string;
  /** True when everything that reads the feed by triggers has handled all of it. */
  isHandled(): Promise<boolean>;
  /** Everything that it has printed. */
  output(): string;
}

/** Of an agent's profile: nobody is lost because the attack takes its time. */
export const STAYS = { limits: { presence_seconds: 3_600 } };

export const ALPHA = 'alpha';
export const BETA = 'beta';
/** It is closed and erased on the way. */
export const DELTA = 'delta';
/** Nobody is limited but this one. */
export const GAMMA = 'gamma';
export const PLATFORM = 'platform';

/** The directory of each tenant. */
const DIRECTORIES: Readonly<Record<string, string>> = {
  [ALPHA]: '11111111-1111-4111-8111-111111111111',
  [BETA]: '22222222-2222-4222-8222-222222222222',
  [GAMMA]: '44444444-4444-4444-8444-444444444444',
  [DELTA]: '55555555-5555-4555-8555-555555555555',
  [PLATFORM]: '33333333-3333-4333-8333-333333333333',
};
/** What the host signs its logs with. */
export const LOG_KEY = Buffer.alloc(32, 7).toString('base64');
export const AUDIENCE = 'dddddddd-dddd-4ddd-8ddd-dddddddddddd';
const CLIENT = 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb';
const APP_URI = 'api://formicary';

interface Person {
  readonly tenant: string;
  readonly roles: readonly Role[];
}
interface Program {
  readonly tenant: string;
  readonly subject: string;
  readonly level?: Level;
  readonly agent_type?: string;
}

const PEOPLE: Readonly<Record<string, Person>> = {
  admin: { tenant: ALPHA, roles: ['tenant_admin'] },
  deputy: { tenant: ALPHA, roles: ['tenant_admin'] },
  operator: { tenant: ALPHA, roles: ['operator'] },
  approver: { tenant: ALPHA, roles: ['approver'] },
  second: { tenant: ALPHA, roles: ['approver', 'operator'] },
  viewer: { tenant: ALPHA, roles: ['viewer'] },
  auditor: { tenant: ALPHA, roles: ['auditor'] },
  author: { tenant: ALPHA, roles: ['policy_author'] },
  boss: { tenant: BETA, roles: ['tenant_admin'] },
  stranger: { tenant: BETA, roles: ['operator'] },
  chief: { tenant: GAMMA, roles: ['tenant_admin'] },
  dora: { tenant: DELTA, roles: ['tenant_admin'] },
  pia: { tenant: PLATFORM, roles: ['platform_admin'] },
  pat: { tenant: PLATFORM, roles: ['platform_admin'] },
  writer: { tenant: PLATFORM, roles: ['policy_author'] },
  reader: { tenant: PLATFORM, roles: ['viewer'] },
};
const PROGRAMS: Readonly<Record<string, Program>> = {
  ant: { tenant: ALPHA, subject: 'ant' },
  bee: { tenant: ALPHA, subject: 'bee' },
  watcher: { tenant: ALPHA, subject: 'watcher-1', level: 'read_only' },
  scribe: { tenant: ALPHA, subject: 'scribe-1', level: 'read_write' },
  crm: { tenant: ALPHA, subject: 'service:crm' },
  desk: { tenant: ALPHA, subject: 'service:desk' },
  thief: { tenant: BETA, subject: 'thief' },
  spy: { tenant: BETA, subject: 'service:spy' },
  guest: { tenant: GAMMA, subject: 'service:guest' },
  drone: { tenant: DELTA, subject: 'drone' },
  shop: { tenant: DELTA, subject: 'service:shop' },
  ops: { tenant: PLATFORM, subject: 'service:ops' },
};
/** Who reads the log of a tenant, and who gives tokens in it. */
const READERS: Readonly<Record<string, string>> = {
  [ALPHA]: 'auditor',
  [BETA]: 'boss',
  [GAMMA]: 'chief',
  [DELTA]: 'dora',
  [PLATFORM]: 'reader',
};
const GIVERS: Readonly<Record<string, string>> = {
  [ALPHA]: 'admin',
  [BETA]: 'boss',
  [GAMMA]: 'chief',
  [DELTA]: 'dora',
  [PLATFORM]: 'pia',
};

const HOUR = 3_600;
const SETTLED_WITHIN_MS = 30_000;

export class World {
  /** By name in the cast. */
  private readonly tokens = new Map<string, string>();
  readonly trace: Trace;

  private constructor(
    readonly host: Host,
    /** Who vouches for people; tokens as Entra ID shapes them. */
    readonly directory: TestIssuer,
    /** Who vouches for people of alpha by OpenID Connect alone. */
    readonly issuer: TestIssuer,
    /** One that is trusted, and whose keys can't be had. */
    readonly dark: TestIssuer,
    readonly canary: Canary,
    /** A server of MCP, whose tools the host may call. */
    readonly ledger: McpTestServer,
    /** The folder in which the host keeps its checkpoints as well. */
    readonly anchor: string,
  ) {
    const readers = Object.entries(READERS).map(
      ([tenant, as]) => [tenant, (path: string) => this.ask(path, { as })] as const,
    );
    this.trace = new Trace(new Map(readers), () => this.settled());
  }

  /** @param start starts the host with these settings */
  static async open(start: (environment: Readonly<Record<string, string>>) => Promise<Host>): Promise<World> {
    const [directory, issuer, dark] = await Promise.all([TestIssuer.start(), TestIssuer.start(), TestIssuer.start()]);
    dark.broken = 'x'.repeat(10_000_000);
    const [canary, ledger] = await Promise.all([Canary.start(), McpTestServer.start()]);
    const anchor = mkdtempSync(join(tmpdir(), 'formicary-attack-anchor-'));
    const oidc = { type: 'oidc', audience: 'formicary', tenant: ALPHA, kind: 'human' };
    const issuers = [
      {
        ...{ type: 'entra', name: 'entra', authority: directory.url, audience: [AUDIENCE, APP_URI] },
        tenants: Object.fromEntries(Object.entries(DIRECTORIES).map(([tenant, id]) => [id, tenant])),
      },
      { ...oidc, name: 'bank', issuer: issuer.url, groups: { 'sg-risk': 'risk' } },
      { ...oidc, name: 'dark', issuer: dark.url },
    ];
    const host = await start({
      FORMICARY_DEV_HEADERS: 'off',
      FORMICARY_ADMISSION: 'off',
      FORMICARY_ISSUERS: JSON.stringify(issuers),
      FORMICARY_LOG: 'debug',
      FORMICARY_LOG_KEY: LOG_KEY,
      FORMICARY_ANCHOR_FOLDER: anchor,
      FORMICARY_MCP_HOSTS: ledger.host,
      FORMICARY_WEBHOOK_HOSTS: '127.0.0.1',
      FORMICARY_SECRET_ALPHA__OPS: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
      FORMICARY_SECRET_BETA__OPS: `whsec_${Buffer.alloc(32, 2).toString('base64')}`,
    });
    const world = new World(host, directory, issuer, dark, canary, ledger, anchor);
    await world.cast();
    return world;
  }

  async close(): Promise<void> {
    await Promise.all([this.directory, this.issuer, this.dark, this.canary, this.ledger].map((one) => one.stop()));
    rmSync(this.anchor, { recursive: true, force: true });
  }

  private async cast(): Promise<void> {
    for (const name of Object.keys(PEOPLE)) this.tokens.set(name, this.directory.token(this.claimsOf(name)));
    for (const [name, program] of Object.entries(PROGRAMS)) await this.introduce(name, program);
  }

  /** Gives a program a token, by which the cast knows it from then on. */
  async introduce(name: string, { tenant, ...program }: Program): Promise<string> {
    const reply = await this.done('/v1/tokens', { as: GIVERS[tenant], json: program });
    const token = reply.access_token as string;
    this.tokens.set(name, token);
    return token;
  }

  /** Has the directory vouch for a person anew: what it said before counts no more. */
  signIn(name: string): void {
    this.tokens.set(name, this.directory.token(this.claimsOf(name)));
  }

  tokenOf(name: string): string {
    const token = this.tokens.get(name);
    if (token === undefined) throw new Error(`nobody is called ${name}`);
    return token;
  }

  /** The claims of a person's token, as the directory makes it. */
  claimsOf(name: string, more: object = {}): object {
    const { tenant, roles } = PEOPLE[name] as Person;
    const now = Math.floor(Date.now() / 1_000);
    const tid = DIRECTORIES[tenant] as string;
    return {
      ...{ ver: '2.0', iss: `${this.directory.url}/${tid}/v2.0`, tid, aud: AUDIENCE, oid: objectOf(name) },
      ...{ azp: CLIENT, scp: 'access', roles, iat: now, exp: now + HOUR, ...more },
    };
  }

  /** What the host calls a member of the cast. */
  idOf(name: string): string {
    const person = PEOPLE[name];
    if (person === undefined) return (PROGRAMS[name] as Program).subject;
    return `human:entra:${DIRECTORIES[person.tenant]}:${objectOf(name)}`;
  }

  /** Asks the host. */
  async ask(path: string, { as, token, headers, ...sent }: Sent = {}): Promise<Reply> {
    const shown = token ?? (as === undefined ? undefined : this.tokenOf(as));
    const authorization: Record<string, string> = shown === undefined ? {} : { authorization: `Bearer ${shown}` };
    return await send(this.host.url + path, { ...sent, headers: { ...authorization, ...headers } });
  }

  /** Status and type of what it answers. */
  async says(path: string, sent: Sent = {}): Promise<string> {
    return saidBy(await this.ask(path, sent));
  }

  /** Asks for what must be done; gives the body of the answer. */
  async done(path: string, sent: Sent = {}): Promise<Reply['body']> {
    const reply = await this.ask(path, sent);
    if (reply.status >= 300) throw new Error(`${path} as ${sent.as}: ${reply.status} ${reply.text}`);
    return reply.body;
  }

  /** Looks until there is something. */
  async eventually<T>(look: () => Promise<T | undefined | false>, withinMs = SETTLED_WITHIN_MS): Promise<T> {
    for (const until = performance.now() + withinMs; ;) {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      if (performance.now() > until) throw new Error(`waited in vain for ${String(look)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Waits until views and reactions have followed everything that was written so far. */
  async settled(): Promise<void> {
    await this.eventually(async () => {
      const { feed } = await this.done('/v1/status', { as: 'reader' });
      const isThere = (feed as { lag: number | null }[]).every(({ lag }) => (lag ?? 0) === 0);
      return isThere && (await this.host.isHandled());
    });
  }

  /** An id that nothing has yet. */
  fresh(of: string): string {
    return `${of}-${randomUUID().slice(0, 8)}`;
  }
}

/** The same for a name each time. */
function objectOf(name: string): string {
  return `aaaaaaaa-aaaa-4aaa-8aaa-${Buffer.from(name).toString('hex').padEnd(12, '0').slice(0, 12)}`;
}

/** A listener on this machine: whoever is led to it has been led astray. */
export class Canary {
  seen: string[] = [];
  /** What it answers. */
  answer: (path: string) => { readonly status: number; readonly headers?: Record<string, string> } = () => ({
    status: 200,
  });

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Canary> {
    const server = createServer();
    const canary = new Canary(server);
    server.on('request', (request, response) => {
      const path = request.url ?? '';
      canary.seen.push(`${request.method} ${path}`);
      const { status, headers = {} } = canary.answer(path);
      request.resume().on('end', () => response.writeHead(status, headers).end());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return canary;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
