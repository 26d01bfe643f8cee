/**
 * What other processes on the same store commit. Each process reads the whole feed for that, from the moment at which
 * it starts: it keeps the cached states and the market's books up to date and wakes its own long polls. It decides
 * nothing; what follows from a commit is the consumers' work, which the processes share.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AlteredReceipt, type Commit } from '../../domain/kernel/commit';
import type { Decider, Event } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import type { Checkpoint, Clock, EventStore, Report } from './ports';
import type { Transactor } from './transact';

const PAGE = 500;
/** How long a commit of another process may stay unheard of while nothing else happens. */
const LOOK_EVERY_MS = 500;
/**
 * How often all of the feed is read: what may lag does not say that nothing else was committed. Well below the silence
 * after which this process refuses to act, which has to outlast one look that fails.
 */
const WHOLE_EVERY_MS = 3_000;
/**
 * For how long, after somebody had to know all, every look is of that kind: the store keeps a place for each kind of
 * look, which is lost when the other moves on.
 */
const ASKED_MS = 5_000;
/** Streams that are passed over and looked at again. */
const MAX_PASSED = 1_000;

export class Peers {
  private readonly deciders: ReadonlyMap<string, Decider<unknown, Event>>;
  private position: Checkpoint | undefined;
  private looking: { readonly done: Promise<void>; readonly mayLag: boolean } | undefined;
  private running: Promise<void> | undefined;
  private readonly stopping = new AbortController();
  /** All that was committed until then, by the clock, has been heard here. */
  private heardUntil = Infinity;
  /** When a look began, one of those that read all, and when somebody last asked for one, by `performance.now()`. */
  private lookedAt = -Infinity;
  private wholeAt = -Infinity;
  private askedAt = -Infinity;
  /** By stream that was passed over as altered: the last commit of it that the feed has shown. */
  private readonly passed = new Map<string, Commit>();

  constructor(
    private readonly store: EventStore,
    private readonly transactor: Transactor,
    /** Of the streams whose changes are news to somebody in this process; what is cached of others is forgotten. */
    deciders: readonly unknown[],
    /** Is given every commit too, of this process as well. */
    private readonly saw: (commits: readonly Commit[]) => void,
    private readonly report: Report,
    private readonly clock: Clock,
  ) {
    this.deciders = new Map(
      (deciders as readonly Decider<unknown, Event>[]).map((decider) => [decider.category, decider]),
    );
  }

  /** Begins to listen to what comes after `from`. */
  start(from: Checkpoint): void {
    this.heardUntil = this.clock.now();
    this.position = from;
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Takes note of all that is in the feed now; with `mayLag`, of what has come but a moment ago perhaps later. */
  async look(mayLag = false): Promise<void> {
    if (!mayLag) this.askedAt = performance.now();
    await this.lookOnce(mayLag);
  }

  private async lookOnce(mayLag: boolean): Promise<void> {
    // A look that is under way may be past what the caller has in mind.
    await this.looking?.done.catch(() => undefined);
    // Nor does one that may lag do for who must know all: others may have begun it meanwhile.
    while (this.looking?.mayLag === true && !mayLag) await this.looking.done.catch(() => undefined);
    this.looking ??= { mayLag, done: this.read(mayLag).finally(() => (this.looking = undefined)) };
    await this.looking.done;
  }

  /** Takes note of commits, in order per stream. */
  async handle(commits: readonly Commit[]): Promise<void> {
    const streams = Map.groupBy(commits, ({ stream }) => stream);
    await Promise.all(
      [...streams].map(async ([stream, own]) => {
        try {
          await this.takeIn(stream, own);
        } catch (error) {
          // Nothing follows from a stream that was altered; the others go on.
          if (!(error instanceof AlteredReceipt)) throw error;
          this.report('a stream is neither read nor written', { error: error.message });
          if (this.passed.size < MAX_PASSED) this.passed.set(stream, own.at(-1) as Commit);
        }
      }),
    );
  }

  /** Takes note of what was passed over as altered and has been repaired since. Rejects when it can't be read. */
  async again(): Promise<void> {
    for (const [stream, commit] of this.passed) {
      try {
        await this.takeIn(stream, [commit]);
        if (this.passed.get(stream) === commit) this.passed.delete(stream);
      } catch (error) {
        if (!(error instanceof AlteredReceipt)) throw error;
      }
    }
  }

  private async takeIn(stream: string, commits: readonly Commit[]): Promise<void> {
    const decider = this.deciders.get(parseStream(stream).category);
    if (decider === undefined) await this.transactor.catchUp(stream, (commits.at(-1) as Commit).index);
    else await this.transactor.follow(decider, stream, commits);
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const now = performance.now();
      // What somebody has just read need not be read again.
      const wait = LOOK_EVERY_MS - (now - this.lookedAt);
      if (wait > 0) {
        await sleep(wait, undefined, { signal }).catch(() => undefined);
        continue;
      }
      try {
        await this.lookOnce(now - this.askedAt > ASKED_MS && now - this.wholeAt < WHOLE_EVERY_MS);
      } catch (error) {
        this.report('what other processes commit could not be read', { error: String(error) });
      }
    }
  }

  /** For how long, in milliseconds, others may have committed what is not known here. */
  silentMs(): number {
    return Math.max(0, this.clock.now() - this.heardUntil);
  }

  private async read(mayLag: boolean): Promise<void> {
    const began = this.clock.now();
    const at = performance.now();
    this.lookedAt = at;
    for (let end = false; !end && !this.stopping.signal.aborted;) {
      const page = await this.store.feed(this.position, PAGE, mayLag);
      await this.handle(page.commits);
      this.saw(page.commits);
      this.position = page.checkpoint;
      end = page.end;
      if (end && !mayLag) {
        this.heardUntil = began;
        this.wholeAt = at;
      }
    }
  }
}
