/**
 * Who is let in, by the headers alone. The Functions worker hands over whole requests, and a route asks when it has
 * one; a host that has read no more than the headers asks here first, and reads nothing further of what is refused.
 */
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import type { Principal } from '../../domain/kernel/principal';
import type { Problem } from './problem';

/** A header by its name in lower case; null when there is none. */
export type HeaderOf = (name: string) => string | null;

/** What of a request is known before its body is. */
export interface Envelope {
  readonly method: string;
  /** As it was sent, without the query. */
  readonly path: string;
  readonly header: HeaderOf;
}

export function envelopeOf({ method, url, headers }: HttpRequest): Envelope {
  const path = /^[^:/?#]+:\/\/[^/?#]*([^?#]*)/.exec(url)?.[1] ?? '';
  return { method, path, header: (name) => headers.get(name) };
}

/** What has become of a request at the entrance: its caller as far as it is known, and why it is not let in. */
export interface Entered {
  readonly principal: Principal | undefined;
  readonly refusal: Problem | undefined;
  /** When that was, by `performance.now()`. */
  readonly at: number;
}

/** Answers when the request is refused; else it is to be handed over with what `attachEntered` keeps. */
export type Entrance = (
  envelope: Envelope,
) => Promise<{ readonly refused: HttpResponseInit } | { readonly entered: Entered }>;

const entrances = new WeakMap<object, Entrance>();
const entered = new WeakMap<object, Entered>();

/** Called for a function that asks for nothing but headers to know whom it lets in. */
export function setEntrance(handler: object, entrance: Entrance): void {
  entrances.set(handler, entrance);
}

/** Of a function that was registered; undefined when it lets in everybody. */
export function entranceOf(handler: object): Entrance | undefined {
  return entrances.get(handler);
}

/** Called by a host that has asked: the function does not ask again, which would count the request twice. */
export function attachEntered(request: object, what: Entered): void {
  entered.set(request, what);
}

/** What the host has found already; undefined where none asks. */
export function enteredBy(request: object): Entered | undefined {
  return entered.get(request);
}
