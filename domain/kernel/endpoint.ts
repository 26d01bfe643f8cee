/** Addresses of others' servers, as callers name them. What is really reached, the adapters say. */

/** Longest address, in characters. */
export const MAX_ADDRESS = 1_000;

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/**
 * True for an https URL without credentials, query and fragment. Plain http names loopback alone; whether that is
 * really reached, a setting of the adapter says.
 */
export function isEndpoint(address: string): boolean {
  if (address.length > MAX_ADDRESS || /[?#\s]/.test(address) || !URL.canParse(address)) return false;
  const { protocol, hostname, username, password } = new URL(address);
  return (
    (protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname))) && username === '' && password === ''
  );
}
