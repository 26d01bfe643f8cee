/** Where a request comes from, as the nearest proxy that is trusted has seen it. */
import { isIP } from 'node:net';
import type { HeaderOf } from './entrance';

/** Of an IPv6 address, the groups that tell networks apart: whoever has a network has all addresses in it. */
const NETWORK_GROUPS = 4;

/**
 * The address, of IPv6 its network (/64), or `unknown`. Whoever takes the connection appends its other end to
 * `X-Forwarded-For`: the platform on Azure, the local host by itself. What stands before that somebody else has
 * written, whom it takes to be believed.
 * @param proxies in front of that one, which append as well
 */
export function addressOf(header: HeaderOf, proxies: number): string {
  const hops = header('x-forwarded-for')?.split(',') ?? [];
  const hop = (hops.at(-1 - proxies) ?? hops[0] ?? '').trim();
  const [, bracketed, plain = hop] = /^(?:\[([^\]]*)\](?::\d+)?|([^:]*):\d+)$/.exec(hop) ?? [];
  const address = (bracketed ?? plain).replace(/^::ffff:(?=\d+\.)/i, '');
  switch (isIP(address)) {
    case 4:
      return address;
    case 6:
      return networkOf(address);
    default:
      return 'unknown';
  }
}

function networkOf(address: string): string {
  const [head = '', tail] = (address.split('%', 1)[0] as string).toLowerCase().split('::');
  const groups = (text: string | undefined) => (text === undefined || text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail)];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const all = [...before, ...Array<string>(zeros).fill('0'), ...after].slice(0, NETWORK_GROUPS);
  return `${all.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`;
}
