/**
 * The one way to write: load the state, ask what is stopped and the policy, decide, append at the expected version.
 *
 * Within a process the commands for one stream wait in its queue and go out together (each its own commit, one
 * append), so that a thousand bidders on one stream don't fight over its version. Between processes the store's
 * expected version decides; whoever loses loads again and decides again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { denialDecider } from '../../domain/audit/denial';
import {
  type CommitMeta,
  MAX_COMMIT_BYTES,
  MAX_COMMITS_PER_APPEND,
  type PolicyReceipt,
  seal,
  type SealedCommit,
  sha256,
  type UnsealedCommit,
} from '../../domain/kernel/commit';
import { type Decider, type Decision, type Event, Rejection } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { toTime } from '../../domain/kernel/time';
import { audits, factsOf, type PolicyAnswer, requestOf } from '../../domain/policy/asking';
import { Answered, inBatch } from './answered';
import { append } from './append';
import { type Cause, causeOf, type CommandContext, depthOf, type Outcome, staleness } from './command';
import { Delays } from './delays';
import { Denials } from './denials';
import { refusalBy } from './policy';
import { type Append, type Clock, type EventStore, StoreBusy } from './ports';
import type { Policy } from './ports-policy';
import { StoreUnavailable } from './reachable';
import { leavesReceipt, type Standstill } from './standstill';
import { type AnyDecider, type CacheBounds, empty, fold, type Folded, loadedOf, snapshotOf, Streams } from './streams';
import { traced } from './telemetry';

/** A reaction to a reaction to … of this depth is a storm and is refused. */
export const MAX_CAUSATION_DEPTH = 32;
const MAX_ATTEMPTS = 12;
/** On the receipt of what was refused because it is stopped: no policy was asked. */
const STOPPED_RECEIPT: PolicyReceipt = { bundle: sha256('stops'), input: sha256('{}'), decision: 'deny' };
const DONE = Promise.resolve();

/** A command that the policy has answered. */
interface Command<S, E extends Event> {
  readonly decide: Decision<S, E>;
  readonly context: CommandContext;
  readonly policy: PolicyReceipt;
}

interface Pending extends Command<unknown, Event> {
  readonly resolve: (outcome: Outcome<unknown, Event>) => void;
  readonly reject: (error: unknown) => void;
}

/** An error is a decision that threw: a defect, answered to its own caller alone. */
type Decided = Outcome<unknown, Event> | Error;

/** The commands of one stream, in the order in which they came. */
interface StreamQueue {
  readonly stream: string;
  readonly decider: AnyDecider;
  readonly waiting: Pending[];
  /** The batch that is under way. */
  running: Promise<void>;
}

export interface TransactorOptions extends CacheBounds {
  /** A number in [0, 1) for the jitter of retries. */
  readonly random?: () => number;
  /** Says what is stopped, before the policy is asked, and what is too much; nothing is without. */
  readonly standstill?: Pick<Standstill, 'refusal' | 'takes' | 'givesBack'>;
}

/** The streams, and how they are written. */
export class Transactor extends Streams {
  private readonly queues = new Map<string, StreamQueue>();
  private approved: ((context: CommandContext) => Promise<Rejection | undefined>) | undefined;
  private commanded: ((context: CommandContext) => void) | undefined;
  private readonly denials: Denials;
  private readonly answers: Answered;
  private readonly random: () => number;
  private readonly standstill: TransactorOptions['standstill'];
  private readonly appends = new Delays();
  /** Commits since somebody has asked. */
  private written = 0;

  constructor(
    store: EventStore,
    private readonly policy: Policy,
    private readonly clock: Clock,
    private readonly newId: () => string,
    options: TransactorOptions = {},
  ) {
    super(store, options);
    this.random = options.random ?? Math.random;
    this.standstill = options.standstill;
    this.answers = new Answered(this, clock);
    this.denials = new Denials((stream, command) => this.enqueue(denialDecider, stream, command), clock);
  }

  /** Hears who gives a command by itself, before it is decided. A listener must not throw. */
  onCommand(listener: (context: CommandContext) => void): void {
    this.commanded = listener;
  }

  /**
   * Decides on `stream` and appends what was decided.
   *
   * Resolves with the accepted outcome (events, new state, receipt), or with the refusal. Rejects only with
   * `StoreUnavailable`, after which the command may or may not have happened: give it again with the same key; or with
   * `StoreBusy`, after which it has not happened: give it again, but not at once.
   */
  async transact<S, E extends Event>(
    decider: Decider<S, E>,
    stream: string,
    decide: Decision<S, E>,
    context: CommandContext,
  ): Promise<Outcome<S, E>> {
    const { tenant, category } = parseStream(stream);
    if (category !== decider.category) throw new Error(`${stream} is not a ${decider.category}`);
    if (tenant !== context.principal.tenant)
      throw new Error(`${context.principal.id} of ${context.principal.tenant} can't write ${stream}`);
    if (context.reaction !== true) this.commanded?.(context);
    if (depthOf(context) > MAX_CAUSATION_DEPTH) {
      return {
        ok: false,
        rejection: new Rejection(
          'conflict',
          'causation-too-deep',
          `more than ${MAX_CAUSATION_DEPTH} reactions led here: the chain was stopped`,
        ),
      };
    }
    const stopped = await this.stopped(context, stream);
    if (stopped !== undefined) return { ok: false, rejection: stopped };
    const request = requestOf(context, stream, this.clock.now());
    const evaluated = this.policy.evaluate(request);
    const answer = evaluated instanceof Promise ? await evaluated : evaluated;
    const { bundle, decision, entrypoint, input, reasons } = answer;
    // In the order of the canonical form, which spares a copy.
    const { approval } = context;
    const receipt: PolicyReceipt = { approval, bundle, decision, entrypoint, facts: factsOf(request), input };
    const refusal = this.refusedBy(answer, context);
    const refused = refusal instanceof Promise ? await refusal : refusal;
    if (refused !== undefined) {
      await this.denials.record(context, stream, receipt, reasons);
      return { ok: false, rejection: refused };
    }
    const parent = context.traceparent ?? context.cause?.traceparent;
    const outcome = await traced(
      `transact ${context.action}`,
      'internal',
      parent,
      { 'formicary.stream': stream },
      (traceparent) =>
        this.enqueue(decider, stream, {
          decide,
          context: traceparent === parent ? context : { ...context, traceparent },
          policy: receipt,
        }),
    );
    if (!outcome.ok && (context.receiptOfRefusal === true || audits(answer.obligations)))
      await this.denials.record(context, stream, receipt, [`${outcome.rejection.code}: ${outcome.rejection.message}`]);
    return outcome;
  }

  /** Who says whether people have approved a command that policy wants approved; nobody has without. */
  approvedBy(check: (context: CommandContext) => Promise<Rejection | undefined>): void {
    this.approved = check;
  }

  private refusedBy(
    answer: PolicyAnswer,
    context: CommandContext,
  ): Promise<Rejection | undefined> | Rejection | undefined {
    if (answer.decision === 'allow') return undefined;
    const isHeld = answer.decision === 'needs_approval' && context.approval !== undefined;
    return isHeld && this.approved !== undefined ? this.approved(context) : refusalBy(answer);
  }

  /** Why a command is refused before any policy is asked, if it is. */
  private async stopped(context: CommandContext, stream: string): Promise<Rejection | undefined> {
    const answer = this.standstill?.refusal(context, stream);
    const rejection = answer instanceof Promise ? await answer : answer;
    if (rejection !== undefined && context.principal.kind !== 'system' && leavesReceipt(rejection))
      await this.denials.record(context, stream, STOPPED_RECEIPT, [rejection.message]);
    return rejection;
  }

  /** What the policy says of an action that is yet to come. */
  async ask(
    principal: Principal,
    action: string,
    resource: string,
    attributes: Readonly<Record<string, unknown>>,
  ): Promise<PolicyAnswer> {
    return await this.policy.evaluate(requestOf({ principal, action, attributes }, resource, this.clock.now()));
  }

  /** The receipt of the tenant that a caller refers to, as a cause; undefined when there is none. */
  async cause(tenant: string, ref: string): Promise<Cause | undefined> {
    const commit = await this.receipt(tenant, ref);
    return commit === undefined ? undefined : causeOf(commit);
  }

  /**
   * Since this was asked last: what an append takes on average, in seconds, those under way by their age; of one that a
   * busy store refused what the store asks to wait counts too. And how many commits were written.
   */
  takeAppends(): { readonly seconds: number; readonly commits: number } {
    const { written: commits } = this;
    this.written = 0;
    return { seconds: this.appends.take(performance.now()).mean / 1_000, commits };
  }

  private async appended(what: Append): Promise<boolean> {
    const ended = this.appends.begin(performance.now());
    let asked = 0;
    try {
      const written = await append(this.store, what, this.random);
      if (written) this.written += what.commits.length;
      return written;
    } catch (error) {
      if (error instanceof StoreBusy) {
        asked = error.retryAfterMs;
        this.giveBack(what.stream, what.commits);
      }
      throw error;
    } finally {
      ended(performance.now() + asked);
    }
  }

  protected override underway(stream: string): Promise<void> | undefined {
    return this.queues.get(stream)?.running;
  }

  /** The policy-free inner half of `transact`, for the denial receipts themselves too. */
  private enqueue<S, E extends Event>(
    decider: Decider<S, E>,
    stream: string,
    { decide, context, policy }: Command<S, E>,
  ): Promise<Outcome<S, E>> {
    return new Promise<Outcome<S, E>>((resolve, reject) => {
      const pending = { decide, context, policy, resolve, reject } as unknown as Pending;
      const queue = this.queues.get(stream);
      if (queue !== undefined) {
        queue.waiting.push(pending);
        return;
      }
      const opened: StreamQueue = {
        stream,
        decider: decider as unknown as AnyDecider,
        waiting: [pending],
        running: DONE,
      };
      this.queues.set(stream, opened);
      void this.drain(opened);
    });
  }

  private async drain(queue: StreamQueue): Promise<void> {
    while (queue.waiting.length > 0) {
      const batch = queue.waiting.splice(0, MAX_COMMITS_PER_APPEND);
      try {
        await (queue.running = this.run(queue, batch));
      } catch (error) {
        // A busy store isn't asked again for those behind, who would only wait in turn to hear the same.
        const behind = error instanceof StoreBusy ? queue.waiting.splice(0) : [];
        for (const pending of [...batch, ...behind]) pending.reject(error);
      }
    }
    this.queues.delete(queue.stream);
  }

  /** Decides a batch of commands, appends what they decided, and answers them. Answering twice is harmless. */
  private async run(queue: StreamQueue, batch: readonly Pending[]): Promise<void> {
    const { stream, decider } = queue;
    let cached = this.cached(stream) ?? (batch[0]?.context.creates === true ? empty(decider) : undefined);
    for (let attempt = 1; ; attempt += 1) {
      const fresh = cached === undefined;
      const loaded = cached ?? (await this.fetch(decider, stream));
      const decided = await this.decideAll(queue, loaded, batch, fresh);
      if (decided === 'stale') {
        if (attempt >= MAX_ATTEMPTS) throw contended(stream);
        cached = undefined;
        continue;
      }
      const { outcomes, sealed, folded } = decided;
      const snapshot = snapshotOf(decider, loaded, folded);
      if (sealed.length > 0) {
        const written = await this.appended({ stream, expected: loaded.version, commits: sealed, snapshot });
        if (!written) {
          this.giveBack(stream, sealed);
          this.forget(stream);
          cached = undefined;
          if (attempt >= MAX_ATTEMPTS) throw contended(stream);
          await sleep(Math.min(200, 2 ** attempt) * this.random());
          continue;
        }
      }
      this.keep(stream, snapshot === undefined ? folded : { ...folded, snapshotAt: folded.version });
      if (sealed.length > 0)
        this.wrote(
          decider,
          stream,
          sealed.map(({ commit }) => commit),
          folded,
        );
      batch.forEach((pending, i) => {
        const outcome = outcomes[i] as Decided;
        if (outcome instanceof Error) pending.reject(outcome);
        else pending.resolve(outcome);
      });
      return;
    }
  }

  /**
   * Runs the decisions one after the other, each on the state that the one before it left. A refusal, and an answer
   * without events, is never taken from a stale cache: `'stale'` asks for a load.
   */
  private async decideAll(
    queue: StreamQueue,
    loaded: Folded,
    batch: readonly Pending[],
    loadedNow: boolean,
  ): Promise<'stale' | { outcomes: Decided[]; sealed: SealedCommit[]; folded: Folded }> {
    const { stream } = queue;
    let fresh = loadedNow;
    let folded = loaded;
    const outcomes: Decided[] = [];
    const sealed: SealedCommit[] = [];
    const answers = await this.answers.find(stream, batch, loaded.version);
    if (answers === 'stale') return 'stale';
    for (const pending of batch) {
      let outcome: Decided | { sealed: SealedCommit; folded: Folded };
      try {
        const earlier = inBatch(sealed, pending.context) ?? answers.get(pending);
        outcome =
          earlier === undefined
            ? this.decideOne(queue, folded, pending)
            : await this.answers.again(queue, earlier, pending.context.command, outcomes);
      } catch (error) {
        outcome = error instanceof Error ? error : new Error(String(error));
      }
      if (outcome instanceof Error) {
        outcomes.push(outcome);
        continue;
      }
      if ('sealed' in outcome) {
        sealed.push(outcome.sealed);
        folded = outcome.folded;
        const { commit } = outcome.sealed;
        outcomes.push({ ok: true, ...loadedOf(stream, folded), events: commit.events, commit, repeated: false });
        continue;
      }
      if (!fresh && !(await this.isNewest(stream, loaded.version, sealed))) return 'stale';
      fresh = true;
      outcomes.push(outcome);
    }
    return { outcomes, sealed, folded };
  }

  private decideOne(
    { stream, decider }: StreamQueue,
    folded: Folded,
    pending: Pending,
  ): Outcome<unknown, Event> | { sealed: SealedCommit; folded: Folded } {
    // It may have waited for its turn while it was stopped.
    const stopped = this.standstill?.refusal(pending.context, stream);
    if (stopped instanceof Rejection) return { ok: false, rejection: stopped };
    const stale = staleness(pending.context.expectedVersion, folded.version);
    if (stale !== undefined) return { ok: false, rejection: stale };
    const decision = pending.decide(folded.state);
    if (decision instanceof Rejection) return { ok: false, rejection: decision };
    if (decision.length === 0)
      return { ok: true, ...loadedOf(stream, folded), events: [], commit: undefined, repeated: true };
    const sealed = seal(this.unsealed(stream, folded, decision, pending));
    const bytes = Buffer.byteLength(sealed.body);
    if (bytes > MAX_COMMIT_BYTES) {
      return {
        ok: false,
        rejection: new Rejection(
          'invalid',
          'too-large',
          `the receipt would be larger than ${MAX_COMMIT_BYTES} bytes: send less, or a reference`,
        ),
      };
    }
    const after = fold(decider, folded, sealed.commit);
    const full = this.standstill?.takes(pending.context, { stream, bytes, isNew: folded.version < 0 });
    return full === undefined ? { sealed, folded: after } : { ok: false, rejection: full };
  }

  /** Whether a stream still ends with the version that a batch is decided on; if not, what it has decided is void. */
  private async isNewest(stream: string, version: number, sealed: readonly SealedCommit[]): Promise<boolean> {
    let isNewest = false;
    try {
      isNewest = ((await this.newest(stream))?.index ?? -1) === version;
    } finally {
      if (!isNewest) this.giveBack(stream, sealed);
    }
    return isNewest;
  }

  /** What was decided is not written after all. */
  private giveBack(stream: string, sealed: readonly SealedCommit[]): void {
    for (const { body } of sealed) this.standstill?.givesBack(stream, Buffer.byteLength(body));
  }

  private unsealed(
    stream: string,
    folded: Folded,
    events: readonly Event[],
    { context, policy }: Pending,
  ): UnsealedCommit {
    const { principal, action, command, cause } = context;
    // A hybrid logical clock: a machine's clock may lag, the order of causes may not.
    const now = toTime(this.clock.now());
    let at = now;
    if (folded.at > at) at = folded.at;
    if (cause !== undefined && cause.at > at) at = cause.at;
    // Properties in the order of the canonical form, which then need not sort them.
    const meta: CommitMeta = {
      action,
      actor: { id: principal.id, kind: principal.kind, via: principal.via },
      causationId: cause?.ref,
      commandHash: command?.hash,
      commandId: command?.key,
      correlationId: context.correlationId ?? cause?.correlationId ?? folded.correlationId ?? this.newId(),
      depth: depthOf(context),
      id: this.newId(),
      policy,
      traceparent: context.traceparent ?? cause?.traceparent,
    };
    const ordered = events.map(({ data, type, v }) => ({ data, type, v }));
    return { at, events: ordered, index: folded.version + 1, meta, previousHash: folded.hash, stream };
  }
}

function contended(stream: string): StoreUnavailable {
  return new StoreUnavailable(`${stream} stays contended after ${MAX_ATTEMPTS} attempts: try again later`);
}
