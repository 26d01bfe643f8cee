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

/** Tells once of something that is over; answers what ends that. */
export type Watch = (end: (reason: Error) => void) => () => void;

/** By request: the signal that was asked for, and what ends the watch. */
const ending = new WeakMap<object, { readonly signal: AbortSignal; readonly leave: () => void }>();

/** Aborts as `abortSignalOf` does, and when `watch` tells that it is over, with that reason. */
export function endSignalOf(request: object, watch: Watch): AbortSignal {
  const before = ending.get(request);
  if (before !== undefined) return before.signal;
  const gone = abortSignalOf(request);
  const controller = new AbortController();
  const leave = watch((reason) => controller.abort(reason));
  const end = (): void => {
    leave();
    controller.abort(gone.reason);
  };
  if (gone.aborted) end();
  else gone.addEventListener('abort', end, { once: true });
  ending.set(request, { signal: controller.signal, leave });
  return controller.signal;
}

/** Why the signal that was asked for has aborted; undefined when it has not, or nobody has asked. */
export function endOf(request: object): unknown {
  return ending.get(request)?.signal.reason;
}

/** Nothing goes on for the request any more. */
export function unwatch(request: object): void {
  ending.get(request)?.leave();
}
