/**
 * Requests over HTTPS to where callers say. Who names the URL need not be trusted with the network that this runs in:
 * the name is resolved once, every address that it has must be a public one, and the connection goes to those addresses
 * and no others.
 */
import { lookup, type LookupAddress } from 'node:dns';
import { type IncomingMessage, request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { unlessAborted } from '../../domain/kernel/abort';

export interface GuardSettings {
  /** Hosts, as URLs name them, whose addresses need not be public. */
  readonly privateHosts: readonly string[];
  /** Allows plain http where every address of the host is loopback; the host has to be named too. */
  readonly httpToLoopback: boolean;
}

/** Why a request was not made. */
export class Refusal extends Error {}

export interface GuardedRequest {
  readonly method: 'POST' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

export class GuardedHttp {
  constructor(private readonly settings: GuardSettings) {}

  /**
   * The answer, of which the body is not read yet. Follows no redirect. Rejects with `Refusal` where nothing was sent
   * because nothing may be, with the signal's reason, or with what Node says of the connection.
   */
  async request({ method, url, headers, body, signal }: GuardedRequest): Promise<IncomingMessage> {
    const target = parse(url);
    // A look-up of a name can't be called off.
    const addresses = await unlessAborted(resolve(target.hostname), signal);
    this.check(target, addresses);
    const sent = { ...headers, 'content-length': String(Buffer.byteLength(body)) };
    return await send(target, { method, headers: sent, signal, lookup: pinned(addresses) }, body);
  }

  private check({ protocol, hostname }: URL, addresses: readonly LookupAddress[]): void {
    if (!this.settings.privateHosts.includes(hostname) && !addresses.every(isPublic))
      throw new Refusal(`${hostname} has an address that is not public: name the host in the settings if it is meant`);
    if (protocol === 'http:' && !(this.settings.httpToLoopback && addresses.every(isLoopback)))
      throw new Refusal('plain http is not posted to: give an https URL');
  }
}

function parse(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // What is no URL may be a secret: it is not repeated.
  if (
    url === undefined ||
    (url.protocol !== 'https:' && url.protocol !== 'http:') ||
    url.username !== '' ||
    url.password !== ''
  )
    throw new Refusal('the address is no https URL without credentials');
  return url;
}

/** A host that is an address itself is never looked up, so it is read here. */
function resolve(hostname: string): Promise<readonly LookupAddress[]> {
  const literal = hostname.replace(/^\[|\]$/g, '');
  const family = isIP(literal);
  if (family !== 0) return Promise.resolve([{ address: literal, family }]);
  return new Promise((done, failed) =>
    lookup(hostname, { all: true }, (error, addresses) => (error === null ? done(addresses) : failed(error))),
  );
}

function pinned(addresses: readonly LookupAddress[]): LookupFunction {
  const [first] = addresses as readonly [LookupAddress];
  return (_, options, done) =>
    options.all === true ? done(null, [...addresses]) : done(null, first.address, first.family);
}

interface Sending extends Pick<GuardedRequest, 'method'> {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly lookup: LookupFunction;
}

function send(url: URL, options: Sending, body: string): Promise<IncomingMessage> {
  return new Promise((done, failed) => {
    const request = url.protocol === 'https:' ? overHttps : overHttp;
    // A connection of its own: one that is kept could lead to addresses of an earlier look.
    request(url, { ...options, agent: false })
      .once('response', done)
      .on('error', failed)
      .end(body);
  });
}

// ------------------------------------------------------------------------------------------------------ addresses

/** Of IPv6 only this is the public network. Mapped and translated IPv4 addresses lie outside. */
const GLOBAL_V6 = subnets('2000::/3');

/** Special purposes by the registries of IANA (RFC 6890), and the platform address of Azure. */
const SPECIAL = subnets(
  ...[
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.0.0.0/24',
    '192.0.2.0/24',
    '192.88.99.0/24',
    '192.168.0.0/16',
  ],
  ...['198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4', '168.63.129.16/32'],
  ...['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
);

const LOOPBACK = subnets('127.0.0.0/8', '::1/128');

function subnets(...ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network, prefix] = range.split('/') as [string, string];
    list.addSubnet(network, Number(prefix), network.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** True for an address of the public network. */
export function isPublic({ address, family }: LookupAddress): boolean {
  return !holds(SPECIAL, { address, family }) && (family === 4 || holds(GLOBAL_V6, { address, family }));
}

function isLoopback(address: LookupAddress): boolean {
  return holds(LOOPBACK, address);
}

function holds(list: BlockList, { address, family }: LookupAddress): boolean {
  // Without the zone of a link-local address.
  return list.check(address.replace(/%.*$/, ''), family === 4 ? 'ipv4' : 'ipv6');
}
