/** Pages of other origins are kept out, by what browsers say of a request, whatever they call the host. */
import type { HeaderOf } from './entrance';
import { Problem } from './problem';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/;

/**
 * Throws a Problem (421, 403) for a request that names another host, as one does whose name was bound to this address
 * (DNS rebinding), or that a page of another origin makes. Programs send no `Origin`.
 *
 * @param publicUrl where people find this host; a loopback name is its own as well
 */
export function checkOrigin(header: HeaderOf, publicUrl: string): void {
  const own = new URL(publicUrl);
  const host = header('host')?.toLowerCase() ?? '';
  if (host !== own.host && !LOOPBACK.test(host))
    throw Problem.of('misdirected-request', `This host answers to ${own.host}, which FORMICARY_PUBLIC_URL says.`);
  const origin = header('origin')?.toLowerCase();
  if (origin !== undefined && origin !== own.origin && !(LOOPBACK.test(host) && origin === `http://${host}`))
    throw Problem.of('cross-origin', 'Pages of other origins may not call this host.');
}
