/**
 * Tells a handler that its caller has gone. The Functions worker offers no such signal; a host that does attaches it
 * to the request here, so that handlers ask in one way and run on both.
 */
const sources = new WeakMap<object, () => AbortSignal>();

/** Called by a host: `source` makes the request's signal, at the latest when somebody asks for it. */
export function attachAbortSignal(request: object, source: () => AbortSignal): void {
  sources.set(request, source);
}

/** Aborts when the client disconnects or the host shuts down; never, where the host cannot tell. */
export function abortSignalOf(request: object): AbortSignal {
  // A fresh signal, not a shared one: listeners would pile up on it for ever.
  return sources.get(request)?.() ?? new AbortController().signal;
}
