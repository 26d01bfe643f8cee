/**
 * Azure Web PubSub, as far as we use it: the data plane over HTTP (send to a user, generate a client token, list the
 * connections of a group page by page, end one) and clients
 * that speak json.webpubsub.azure.v1. It verifies each token; who comes with an identity's comes over TLS, since the
 * SDK shows it nowhere else. No hub has an event handler, and what a client may do its roles say, as at the service.
 */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type WebSocket, WebSocketServer } from 'ws';

const PROTOCOL = 'json.webpubsub.azure.v1';
/** The service has two, so that one can be replaced: either opens everything. */
const KEYS = ['the primary', 'the secondary'].map((name) => `${name} access key of a test server`);
/** What an identity shows. */
const TOKEN = 'a token for Web PubSub';
const HUB = /^[A-Za-z][A-Za-z0-9_`,.[\]]{0,127}$/;

/** What a token says (RFC 7519). */
type Claims = Readonly<Record<string, unknown>>;

interface Client {
  readonly id: string;
  readonly hub: string;
  readonly user: string | undefined;
  readonly roles: readonly string[];
  readonly groups: Set<string>;
  readonly socket: WebSocket;
}
interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What comes in place of an answer: a status, or nothing at all. */
export type Fault = number | 'silence';

const list = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : value === undefined ? [] : [value]) as readonly string[];

export class WebPubSubServer {
  /** Method and path of each request of the data plane, as they came. */
  readonly requests: string[] = [];
  /** The access keys by which users were sent something. */
  readonly senders = new Set<string>();
  /** For the next requests of the data plane, one each; undefined: none. */
  readonly faults: (Fault | undefined)[] = [];
  private readonly server: http.Server;
  private readonly sockets = new WebSocketServer({ noServer: true, handleProtocols: () => PROTOCOL });
  private readonly clients = new Set<Client>();
  private connections = 0;

  constructor(private readonly options: { readonly isTls?: boolean } = {}) {
    const serve = (request: http.IncomingMessage, response: http.ServerResponse) => void this.serve(request, response);
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- smtp-server has one, and does not export it
    const certificate = require('smtp-server/lib/tls-options.js') as () => { key: string; cert: string };
    this.server = options.isTls === true ? https.createServer(certificate(), serve) : http.createServer(serve);
    this.server.on('upgrade', (request: http.IncomingMessage, socket: Duplex, head: Buffer) =>
      this.upgrade(request, socket, head),
    );
  }

  async start(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  /** Does nothing the second time. */
  async stop(): Promise<void> {
    if (!this.server.listening) return;
    this.drop();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  get endpoint(): string {
    const { port } = this.server.address() as AddressInfo;
    return `${this.options.isTls === true ? 'https' : 'http'}://127.0.0.1:${port}`;
  }

  get connectionString(): string {
    return this.connectionStrings[0] as string;
  }

  /** With each of its access keys. */
  get connectionStrings(): readonly string[] {
    return KEYS.map((key) => `Endpoint=${this.endpoint};AccessKey=${key};Version=1.0;`);
  }

  /** What asks for a token of an identity, and hears for what. */
  credentialOf(scopes: string[] = []) {
    return {
      getToken: async (scope: string | string[]) => {
        scopes.push(...[scope].flat());
        return await Promise.resolve({ token: TOKEN, expiresOnTimestamp: Date.now() + 3_600_000 });
      },
    };
  }

  /** How many are connected. */
  get connected(): number {
    return this.clients.size;
  }

  /** Every connection breaks. */
  drop(): void {
    for (const { socket } of this.clients) socket.terminate();
    this.clients.clear();
  }

  /** Whoever is connected hears nothing any more, and nothing of it is heard: nobody says that it has ended. */
  freeze(): void {
    for (const { socket } of this.clients) socket.removeAllListeners('message');
    this.clients.clear();
  }

  /** A token as the service makes them for clients. */
  tokenFor(hub: string, claims: Claims, minutes = 60): string {
    const aud = `${this.endpoint}/client/hubs/${hub}`;
    return signed({ ...claims, aud, exp: Math.floor(Date.now() / 1_000) + minutes * 60 });
  }

  // ------------------------------------------------------------------------------------------------- the data plane

  private async serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = await buffer(request);
    const { pathname, searchParams } = new URL(request.url as string, this.endpoint);
    this.requests.push(`${request.method} ${pathname}`);
    const fault = this.faults.shift();
    if (fault === 'silence') return;
    const answer =
      fault === undefined ? this.answer(request, pathname, searchParams, body) : { status: fault, body: {} };
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
  }

  private answer(
    { headers, method, url }: http.IncomingMessage,
    path: string,
    query: URLSearchParams,
    body: Buffer,
  ): Answer {
    const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
    if (!this.mayAsk(bearer, url as string)) return { status: 401 };
    if (!query.has('api-version')) return { status: 400 };
    const [, api, hubs, hub = '', ...rest] = path.split('/').map(decodeURIComponent);
    if (api !== 'api' || hubs !== 'hubs' || !HUB.test(hub)) return { status: 404 };
    if (method === 'GET' && rest[0] === 'groups' && rest[2] === 'connections')
      return this.listed(hub, rest[1] as string, query);
    if (method === 'DELETE' && rest[0] === 'connections') return this.end(hub, rest[1] as string);
    if (method !== 'POST') return { status: 404 };
    if (rest.join('/') === ':generateToken') {
      const [roles, groups] = [query.getAll('role'), query.getAll('group')];
      const claims = { sub: query.get('userId') ?? undefined, role: roles, 'webpubsub.group': groups };
      const token = this.tokenFor(hub, claims, Number(query.get('minutesToExpire') ?? 60));
      return { status: 200, body: { token } };
    }
    if (rest[0] !== 'users' || rest[2] !== ':send' || rest.length !== 3) return { status: 404 };
    if (headers['content-type'] !== 'application/json') return { status: 415 };
    this.senders.add(keyOf(bearer) ?? TOKEN);
    const message = { type: 'message', from: 'server', dataType: 'json', data: JSON.parse(body.toString()) as unknown };
    for (const client of this.clients)
      if (client.hub === hub && client.user === rest[1]) client.socket.send(JSON.stringify(message));
    return { status: 202 };
  }

  private listed(hub: string, group: string, query: URLSearchParams): Answer {
    const size = Number(query.get('maxpagesize') ?? 200);
    if (!(size >= 1 && size <= 200)) return { status: 400 };
    const from = Number(query.get('continuationToken') ?? 0);
    const all = [...this.clients].filter((client) => client.hub === hub && client.groups.has(group));
    const value = all.slice(from, from + size).map(({ id, user }) => ({ connectionId: id, userId: user }));
    if (from + size >= all.length) return { status: 200, body: { value } };
    const next = new URLSearchParams(query);
    next.set('continuationToken', String(from + size));
    const nextLink = `${this.endpoint}/api/hubs/${hub}/groups/${group}/connections?${next.toString()}`;
    return { status: 200, body: { value, nextLink } };
  }

  private end(hub: string, id: string): Answer {
    for (const client of this.clients)
      if (client.hub === hub && client.id === id) {
        client.socket.close(1_000);
        this.clients.delete(client);
      }
    return { status: 204 };
  }

  /** An identity's token, or one that a key has signed for this very request. */
  private mayAsk(bearer: string, url: string): boolean {
    if (this.options.isTls === true) return bearer === TOKEN;
    return verified(bearer, this.endpoint + url) !== undefined;
  }

  // ---------------------------------------------------------------------------------------------------- the clients

  private upgrade(request: http.IncomingMessage, socket: Duplex, head: Buffer): void {
    const { pathname, searchParams } = new URL(request.url as string, this.endpoint);
    const hub = /^\/client\/hubs\/([^/]+)$/.exec(pathname)?.[1];
    const claims = verified(searchParams.get('access_token') ?? '', `${this.endpoint}${pathname}`);
    const asked = request.headers['sec-websocket-protocol']?.split(/, */) ?? [];
    if (hub === undefined || claims === undefined || !asked.includes(PROTOCOL)) {
      socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    this.sockets.handleUpgrade(request, socket, head, (opened) => this.admit(opened, hub, claims));
  }

  private admit(socket: WebSocket, hub: string, claims: Claims): void {
    const groups = new Set(list(claims['webpubsub.group']));
    this.connections += 1;
    const connectionId = `connection-${this.connections}`;
    const client: Client = {
      id: connectionId,
      hub,
      user: claims['sub'] as string | undefined,
      roles: list(claims['role']),
      groups,
      socket,
    };
    this.clients.add(client);
    socket.on('close', () => this.clients.delete(client));
    socket.on('message', (data: Buffer) => this.hear(client, data));
    socket.send(JSON.stringify({ type: 'system', event: 'connected', userId: claims['sub'], connectionId }));
  }

  private hear(client: Client, data: Buffer): void {
    const { type, group, ackId, ...rest } = JSON.parse(data.toString()) as Record<string, unknown>;
    if (type === 'ping') return client.socket.send(JSON.stringify({ type: 'pong' }));
    const needed = type === 'sendToGroup' ? 'webpubsub.sendToGroup' : 'webpubsub.joinLeaveGroup';
    const may =
      type !== 'event' && client.roles.some((role) => role === needed || role === `${needed}.${String(group)}`);
    if (may && type === 'joinGroup') client.groups.add(String(group));
    if (may && type === 'leaveGroup') client.groups.delete(String(group));
    if (may && type === 'sendToGroup') this.sendToGroup(client, String(group), rest);
    const error = type === 'event' ? 'NotFound' : 'Forbidden';
    if (ackId !== undefined)
      client.socket.send(JSON.stringify({ type: 'ack', ackId, success: may, ...(!may && { error: { name: error } }) }));
  }

  private sendToGroup({ hub, user }: Client, group: string, { dataType, data }: Record<string, unknown>): void {
    const message = { type: 'message', from: 'group', fromUserId: user, group, dataType, data };
    for (const other of this.clients)
      if (other.hub === hub && other.groups.has(group)) other.socket.send(JSON.stringify(message));
  }
}

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const signatureOf = (text: string, key: string) => createHmac('sha256', key).update(text).digest('base64url');

/** A token by HS256 (RFC 7515, RFC 7519). */
function signed(claims: Claims): string {
  const text = `${encoded({ alg: 'HS256', typ: 'JWT' })}.${encoded(claims)}`;
  return `${text}.${signatureOf(text, KEYS[0] as string)}`;
}

/** The access key that has signed a token, if one has. */
function keyOf(token: string): string | undefined {
  const [header = '', payload = '', signature] = token.split('.');
  return KEYS.find((key) => signatureOf(`${header}.${payload}`, key) === signature);
}

/** What a token says that a key has signed for this audience, and that has not expired; else undefined. */
function verified(token: string, audience: string): Claims | undefined {
  if (keyOf(token) === undefined) return undefined;
  const [header = '', payload = ''] = token.split('.');
  const [{ alg }, claims] = [header, payload].map(
    (part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Claims,
  ) as [Claims, Claims];
  return alg === 'HS256' && claims['aud'] === audience && Number(claims['exp']) * 1_000 > Date.now()
    ? claims
    : undefined;
}
