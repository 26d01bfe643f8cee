/**
 * Tells a handler that its caller has gone. The Functions worker offers no such signal; a host that does attaches it
 * to the request here, so that handlers ask in one way and run on both.
 */
const sources = new WeakMap<object, () => AbortSignal>();

/** Called by a host: `source` makes the request's signal, at the latest when somebody asks for it. */
export function attachAbortSignal(request: object, source: () => AbortSignal): void {
  sources.set(request, source);
}

/**
 * Where the host can't tell that a client has gone, work for it ends after so long; the client asks again.
 * Milliseconds.
 */
export const UNHEARD_MS = 60_000;

/** Aborts when the client disconnects or the host shuts down; undefined where the host can't tell. */
export function goneSignalOf(request: object): AbortSignal | undefined {
  return sources.get(request)?.();
}

/** Aborts when the client disconnects or the host shuts down; where the host can't tell, after a minute. */
export function abortSignalOf(request: object): AbortSignal {
  // A fresh signal, not a shared one: listeners would pile up on it for ever.
  return goneSignalOf(request) ?? AbortSignal.timeout(UNHEARD_MS);
}
