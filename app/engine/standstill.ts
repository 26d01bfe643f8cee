/**
 * What stands still: the one question that commands, deadlines and the feed ask before they do anything. Who knows the
 * answer is a capability, and so is who knows which tenants there are; the engine asks them here. A process that has
 * not heard for a while what others commit can't know what is stopped: it refuses to act until it has.
 */
import { Rejection } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import type { CommandContext } from './command';
import type { Absence } from './watchdog';

/** Who knows what is stopped. In memory: a promise only where a tenant is asked for first. */
export interface Stopping {
  /** Why a command is refused, if it is. A promise rejects when the store can't be read. */
  refusal(context: CommandContext, stream: string): Rejection | undefined | Promise<Rejection | undefined>;
  /** Whether all that follows from the stream waits: reactions, deadlines, deliveries. */
  waits(stream: string): boolean | Promise<boolean>;
  /** When the stream stood still, as far as is known here: after `waits` has answered all of it. */
  stood(stream: string): readonly Absence[];
  /**
   * Whether a command on the stream passes whatever is stopped, and whatever this process has heard: `refusal` then
   * answers for whoever is stopped by themselves alone.
   */
  passes(stream: string): boolean;
}

/** Who knows which tenants there are. */
export interface Tenancy {
  /**
   * Why a command is refused in its tenant, if so; `ends` for what brings a closed one to its end, whatever is stopped.
   * A promise rejects when the store can't be read.
   */
  refusal(context: CommandContext, stream: string): Admission | Promise<Admission>;
  /** Whether the tenant was closed for good: nothing follows from what is there, and nothing of it falls due. */
  isOver(tenant: string): boolean | Promise<boolean>;
  /**
   * Counts so many bytes that a command is about to have written to a stream, which is new or not; or answers why they
   * may not be: the tenant has stored as much as it may.
   */
  takes(context: Pick<CommandContext, 'action' | 'principal'>, writing: Writing): Rejection | undefined;
  /** They were not written. */
  givesBack(stream: string, bytes: number): void;
}

/** What is about to be written. */
export interface Writing {
  readonly stream: string;
  readonly bytes: number;
  readonly isNew: boolean;
}

type Admission = Rejection | 'ends' | undefined;

/** The code of what is refused because it is stopped. */
export const STOPPED = 'stopped';
/**
 * Whether a refusal leaves a receipt: the stop of a whole tenant is one itself, and a thousand callers would fill the
 * store.
 */
export function leavesReceipt({ code, details }: Rejection): boolean {
  const { kind } = (details['stopped'] ?? {}) as { readonly kind?: unknown };
  return code === STOPPED && kind !== 'global' && kind !== 'tenant';
}

/** How long a process may hear nothing of the others before it refuses to act, in seconds. */
export const MAX_FEED_SILENCE_SECONDS = 10;
/** When what waits for the lift of a stop is looked at again, in seconds. */
export const STOPPED_AGAIN_SECONDS = 10;

/** Whether a consumer is given a commit now, when what stops it is lifted, or never: its tenant was closed. */
export type Fate = 'goes' | 'waits' | 'over';

export class Standstill {
  private stopping: Stopping | undefined;
  private tenancy: Tenancy | undefined;
  private silentMs: () => number = () => 0;
  private mostMs = Infinity;
  private unjudged: () => string | undefined = () => undefined;

  /** From here on this is asked. */
  ask(stopping: Stopping): void {
    this.stopping = stopping;
  }

  /** From here on nobody acts in a tenant that this refuses, whatever passes else. */
  within(tenancy: Tenancy): void {
    this.tenancy = tenancy;
  }

  /** Where processes share a store: how long this one has heard nothing of the others, and how long it may. */
  listens(silentMs: () => number, mostSeconds = MAX_FEED_SILENCE_SECONDS): void {
    this.silentMs = silentMs;
    this.mostMs = mostSeconds * 1_000;
  }

  /** Who says why no policy can be asked here, if so. */
  judgedBy(trouble: () => string | undefined): void {
    this.unjudged = trouble;
  }

  /** Why no policy can be asked in this process, if so. */
  troubleOfPolicy(): string | undefined {
    return this.unjudged();
  }

  /** Whether the commands on a stream pass whatever is stopped, and whatever policy says. */
  passes(stream: string): boolean {
    return this.stopping?.passes(stream) === true;
  }

  /** For how long this process has heard nothing of the others; 0 where there are none. */
  get silentSeconds(): number {
    return this.silentMs() / 1_000;
  }

  /** Why this process refuses to act, if it does. */
  trouble(): string | undefined {
    const silent = this.silentMs();
    return silent <= this.mostMs
      ? undefined
      : `nothing was heard of the other processes for ${Math.round(silent / 1_000)} s: what is stopped is not known here`;
  }

  refusal(context: CommandContext, stream: string): Rejection | undefined | Promise<Rejection | undefined> {
    const none = this.tenancy?.refusal(context, stream);
    if (none instanceof Promise) return none.then((answer) => this.admitted(answer, context, stream));
    return this.admitted(none, context, stream);
  }

  private admitted(
    answer: Admission,
    context: CommandContext,
    stream: string,
  ): Rejection | undefined | Promise<Rejection | undefined> {
    if (answer === undefined) return this.stillness(context, stream);
    return answer === 'ends' ? undefined : answer;
  }

  private stillness(context: CommandContext, stream: string): Rejection | undefined | Promise<Rejection | undefined> {
    return this.unknowing(stream) ?? this.stopping?.refusal(context, stream);
  }

  /** Why this process can't know whether a command may be done, if so. */
  private unknowing(stream: string): Rejection | undefined {
    if (this.passes(stream)) return undefined;
    const trouble = this.trouble();
    if (trouble !== undefined)
      return new Rejection('unavailable', 'feed-lost', `${trouble}; ask another process, or again later`, {
        retryAfterSeconds: 1,
      });
    const unjudged = this.unjudged();
    if (unjudged !== undefined)
      return new Rejection('unavailable', 'policy-unavailable', `${unjudged}; ask another process, or again later`, {
        retryAfterSeconds: 1,
      });
    return undefined;
  }

  /** See `Tenancy`. */
  takes(context: CommandContext, writing: Writing): Rejection | undefined {
    return this.tenancy?.takes(context, writing);
  }

  givesBack(stream: string, bytes: number): void {
    this.tenancy?.givesBack(stream, bytes);
  }

  /** Whether the stream's tenant was closed for good: nothing follows from it, and nothing of it falls due. */
  isOver(stream: string): boolean | Promise<boolean> {
    return this.tenancy?.isOver(parseStream(stream).tenant) ?? false;
  }

  /** Whether what follows from the stream waits: it is stopped, or this process can't know whether it may be. */
  waits(stream: string): boolean | Promise<boolean> {
    if (this.stopping === undefined || this.stopping.passes(stream)) return false;
    return this.trouble() !== undefined || this.unjudged() !== undefined || this.stopping.waits(stream);
  }

  /** What becomes of a commit to the stream, for a consumer that only shows it, or that ends what was under way. */
  fateOf({ shows, ends }: { readonly shows?: true; readonly ends?: true }, stream: string): Fate | Promise<Fate> {
    if (shows === true) return 'goes';
    const over = this.isOver(stream);
    return over instanceof Promise
      ? over.then((known) => this.fateIn(known, ends, stream))
      : this.fateIn(over, ends, stream);
  }

  private fateIn(over: boolean, ends: true | undefined, stream: string): Fate | Promise<Fate> {
    if (over) return ends === true ? 'goes' : 'over';
    const waits = this.waits(stream);
    return waits instanceof Promise ? waits.then(fateBy) : fateBy(waits);
  }

  stood(stream: string): readonly Absence[] {
    return this.stopping?.stood(stream) ?? [];
  }
}

function fateBy(waits: boolean): Fate {
  return waits ? 'waits' : 'goes';
}
