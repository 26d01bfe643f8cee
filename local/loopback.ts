/**
 * Keeps the host private, which speaks plain HTTP: it listens on loopback only, and web pages in a browser on the same
 * machine, which reach loopback too, are kept out by what browsers say about a request (this also stops DNS rebinding,
 * where a foreign name resolves to loopback).
 */
import type { IncomingHttpHeaders } from 'node:http';
import { Problem } from '../functions/edge/problem';

/** True for `localhost`, 127.0.0.0/8 and `::1`. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** Returns the check of each request's headers: a Problem when the request must be refused. */
export function loopbackGuard(port: number): (headers: IncomingHttpHeaders) => Problem | undefined {
  const hosts = ['localhost', '127.0.0.1', '[::1]'].flatMap((name) =>
    port === 80 ? [name, `${name}:80`] : [`${name}:${port}`],
  );
  const allowedHosts = new Set(hosts);
  const allowedOrigins = new Set(hosts.map((host) => `http://${host}`));

  return (headers) => {
    const host = headers.host?.toLowerCase() ?? '';
    if (!allowedHosts.has(host)) {
      return Problem.of('misdirected-request', `This host answers only to ${hosts[0]}, ${hosts[1]} and ${hosts[2]}.`);
    }
    if (headers.origin !== undefined && !allowedOrigins.has(headers.origin.toLowerCase())) {
      return Problem.of('cross-origin', 'Pages of other origins may not call this host.');
    }
    if (headers['sec-fetch-site'] === 'cross-site') {
      return Problem.of('cross-origin', 'Pages of other sites may not call this host.');
    }
    return undefined;
  };
}
