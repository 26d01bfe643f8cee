/** What a pane shows: asked of the API, and asked again when receipts say that it has changed. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Failure, failureIn } from './failure';
import { onCommits } from './live';
import { hostNow } from './session';
import { categoryOf } from './streams';

export interface Loaded<T> {
  /** The latest answer; kept while the next one is asked for, and when that fails. */
  readonly data: T | undefined;
  readonly failure: Failure | undefined;
  /** The host's time as of which `data` is, in milliseconds since the epoch: mostly when it was asked for. */
  readonly asOf: number | undefined;
  /** Asks at once. */
  readonly reload: () => void;
}

export interface LoadOptions {
  /** Categories of streams whose receipts change it. */
  readonly changedBy?: readonly string[];
  /** What changes without a receipt is asked for so often, in milliseconds. */
  readonly everyMs?: number;
  /** It is asked for as it was then, and so once: that does not change. */
  readonly asOf?: string;
  /** Asked for again when this changes; the data of before is shown meanwhile. */
  readonly version?: string | number;
}

/** Between two requests for the same, in milliseconds. */
const APART_MS = 1_000;
/** Views follow the log: what was read so soon after a change is read once more. */
const SETTLED_MS = 1_500;
/** What is refused so is refused again, until something changes. */
const FINAL: ReadonlySet<number> = new Set([400, 401, 403, 404]);

/** @param what is asked for: another forgets the data of the one before it */
export function useLoad<T>(
  what: string,
  load: (signal: AbortSignal) => Promise<T>,
  { changedBy = [], everyMs, asOf, version }: LoadOptions = {},
): Loaded<T> {
  const key = asOf === undefined ? what : `${what} as of ${asOf}`;
  const [state, setState] = useState<Omit<Loaded<T>, 'reload'> & { readonly of: string }>({ ...NOTHING, of: key });
  const latest = useRef(load);
  latest.current = load;
  const ask = useRef<() => void>(() => undefined);
  const watched = asOf === undefined ? changedBy.join() : '';

  useEffect(() => {
    const loader = new Loader(
      (signal) => latest.current(signal),
      (data: T, asOf) => setState({ data, asOf, failure: undefined, of: key }),
      (failure) => setState((before) => ({ ...(before.of === key ? before : NOTHING), failure, of: key })),
      everyMs,
    );
    ask.current = () => loader.ask();
    loader.ask();
    const categories = new Set(watched.split(','));
    const leave = onCommits((commits) => {
      if (commits.some(({ stream }) => categories.has(categoryOf(stream)))) loader.changed();
    });
    const look = () => loader.look();
    document.addEventListener('visibilitychange', look);
    return () => {
      leave();
      document.removeEventListener('visibilitychange', look);
      loader.end();
    };
  }, [key, watched, everyMs]);
  const known = useRef(version);
  useEffect(() => {
    if (known.current !== version) ask.current();
    known.current = version;
  }, [version]);

  const shown = state.of === key ? state : NOTHING;
  return { ...shown, ...(asOf !== undefined && { asOf: Date.parse(asOf) }), reload: () => ask.current() };
}

const NOTHING = { data: undefined, failure: undefined, asOf: undefined };

/** Asks one at a time, and not while nobody looks. */
class Loader<T> {
  readonly #over = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer is over, on the monotonic clock. */
  #due = Infinity;
  #asking = false;
  #wanted = false;
  #startedAt = -Infinity;
  #changedAt = -Infinity;

  constructor(
    readonly load: (signal: AbortSignal) => Promise<T>,
    readonly onData: (data: T, asOf: number) => void,
    readonly onFailure: (failure: Failure) => void,
    readonly everyMs: number | undefined,
  ) {}

  changed(): void {
    this.#changedAt = performance.now();
    this.#plan(this.#startedAt + APART_MS - performance.now());
  }

  look(): void {
    if (this.#wanted && document.visibilityState === 'visible') this.ask();
  }

  end(): void {
    this.#over.abort();
    clearTimeout(this.#timer);
  }

  ask(): void {
    clearTimeout(this.#timer);
    this.#due = Infinity;
    this.#wanted = true;
    if (this.#asking || document.visibilityState === 'hidden') return;
    void this.#run();
  }

  async #run(): Promise<void> {
    this.#wanted = false;
    this.#asking = true;
    this.#startedAt = performance.now();
    const asOf = hostNow();
    let wait = this.everyMs;
    try {
      const data = await this.load(this.#over.signal);
      if (this.#over.signal.aborted) return;
      this.onData(data, asOf);
      if (this.#changedAt > this.#startedAt - SETTLED_MS) wait = APART_MS;
    } catch (error) {
      if (this.#over.signal.aborted) return;
      const failure = failureIn(error);
      this.onFailure(failure);
      wait = Math.max(2_000, 1_000 * (failure.retryAfter ?? 2));
      if (FINAL.has(failure.status)) wait = this.everyMs;
    } finally {
      this.#asking = false;
    }
    if (this.#wanted) this.ask();
    else if (wait !== undefined) this.#plan(wait);
  }

  /** What is due sooner stays. */
  #plan(ms: number): void {
    const due = performance.now() + Math.max(0, ms);
    if (due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.ask(), Math.max(0, ms));
  }
}
