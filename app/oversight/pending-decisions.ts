/**
 * What waits for a decision, by who asks for it, kept in memory: so one requester does not bury people under questions.
 * What agents decide first counts as well, since it may come to people. What was acknowledged and finds no room waits
 * in line for it. Nothing here takes longer the more there is, but to put one back at the head of its line.
 */
import { type Decision, type Event, Rejection } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import { actorOf, type Principal } from '../../domain/kernel/principal';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import { taskDecider, type TaskState } from '../../domain/market/task';
import { actionDecider, type ActionState, awaitsDecision } from '../../domain/oversight/action';
import { approvalDecider, type ApprovalState, askerOf, tooManyApprovals } from '../../domain/oversight/approval';
import { choiceOf, roundDecider, type RoundState } from '../../domain/oversight/round';
import { APPROVALS_PER_REQUESTER } from '../../domain/tenants/tenant';
import type { Reason } from '../engine/deadlines';
import type { Engine } from '../engine/engine';
import type { Committed } from '../engine/streams';
import type { TenantBook } from '../tenants/module';

const LIMIT = 'approvals_per_requester';
/** How many times as much those may have together for whom one speaks: none of them keeps the others out by itself. */
const TOGETHER = 10;
/** When what waits in line is looked at in any case, in seconds: nothing else tells of a limit that was raised. */
const LOOK_SECONDS = 300;
/** For how long room is kept for whose turn it is, in seconds: one that is stopped does not come. */
const TURN_SECONDS = 30;
/** When it is looked at if there is room again by the time it comes to the line, in seconds. */
const SOON_SECONDS = 1;

/** Who asks, and who speaks for them. */
type Asker = Pick<Principal, 'id' | 'via'>;

/** A command after which somebody may have one more decision waiting. */
export interface Asking<S, E extends Event> {
  readonly stream: string;
  readonly asker: Asker;
  readonly decide: Decision<S, E>;
  /** The stream that waits in line for it where there is no room; undefined: it is refused. */
  readonly waitsAs: string | undefined;
  /** Whether this event has somebody asked. */
  readonly asks: (event: E) => boolean;
}

/** Where there is no room: how many wait for a decision there, and for how many more room is kept. */
interface Full {
  readonly key: string;
  readonly who: string;
  readonly most: number;
  readonly has: number;
  readonly kept: number;
}

export class PendingDecisions {
  /** By stream: under which keys it counts. */
  private readonly keys = new Map<string, readonly string[]>();
  private readonly streams = new Map<string, Set<string>>();
  /** Streams that were let in, and of which nothing was heard yet. */
  private readonly entering = new Set<string>();
  /** By key: the streams that wait for room there in their order, and for which reason each is looked at then. */
  private readonly lines = new Map<string, Map<string, Reason>>();
  /** By stream in a line: the key of that line. */
  private readonly inLine = new Map<string, string>();
  /** By key: the streams whose turn it is, for which room is kept, and until when. */
  private readonly turns = new Map<string, Map<string, number>>();
  /** By stream whose turn it is: the key of the line that it was in. */
  private readonly called = new Map<string, string>();

  constructor(
    private readonly tenants: Pick<TenantBook, 'limit' | 'limited' | 'refused'>,
    private readonly engine: Pick<Engine, 'clock' | 'deadlines' | 'report'>,
  ) {}

  /** Hears how a stream stands now. */
  update({ category, stream, state }: Pick<Committed, 'category' | 'stream' | 'state'>): void {
    if (needsNobody(category, state)) this.pass(stream);
    if (category === actionDecider.category) {
      const of = state as ActionState;
      this.letIn(of.proposal?.target);
      this.set(stream, ofAction(of));
    } else if (category === approvalDecider.category) {
      const of = state as ApprovalState;
      this.letIn(of.request?.action);
      this.set(stream, ofApproval(of));
    }
  }

  /** What waited in line is there, let in by this process or another: the room that was kept for it is used. */
  private letIn(waited: string | undefined): void {
    if (waited !== undefined) this.out(waited);
  }

  /**
   * Decides on what may have people asked. Within this process no more are let in than the limit says, however many
   * come at once: what is under way counts. Refused as `too-many-approvals`.
   */
  async admit<S, E extends Event, O>(
    { stream, asker, decide, waitsAs, asks }: Asking<S, E>,
    run: (decide: Decision<S, E>) => Promise<O>,
  ): Promise<O> {
    // So that its limit is known: what comes of itself after a start may be the first of this tenant.
    await this.tenants.limited(parseStream(stream).tenant);
    try {
      return await run((state) => {
        const decided = decide(state);
        if (decided instanceof Rejection || !decided.some(asks) || this.keys.has(stream)) return decided;
        const full = this.full(waitsAs ?? stream, asker);
        if (full !== undefined) {
          if (waitsAs === undefined) this.tenants.refused(LIMIT);
          return tooManyApprovals(full.who, full.most, full.has + full.kept);
        }
        this.set(stream, asker);
        this.entering.add(stream);
        this.letIn(waitsAs);
        return decided;
      });
    } finally {
      // It was not written.
      if (this.entering.has(stream)) this.set(stream, undefined);
    }
  }

  /**
   * Has a stream that was acknowledged wait until its asker has room: then it is looked at for this reason, whoever
   * came first before the others. Answers when it is to be looked at in any case.
   */
  wait(stream: string, asker: Asker, reason: Reason): Time {
    const now = toTime(this.engine.clock.now());
    const full = this.full(stream, asker);
    if (full === undefined) return plusSeconds(now, SOON_SECONDS);
    const { key } = full;
    const line = this.lines.get(key) ?? new Map<string, Reason>();
    const called = this.endTurn(stream);
    // Who has its place already keeps it; who was called for nothing is the first again.
    if (this.inLine.get(stream) !== key) this.leave(stream);
    this.inLine.set(stream, key);
    this.lines.set(key, called === key ? new Map([[stream, reason], ...line]) : line.set(stream, reason));
    // Its room elsewhere is somebody else's.
    if (called !== undefined && called !== key) this.wake(called);
    // A turn may have been called by another process as well, and not be used.
    return plusSeconds(now, full.has < full.most ? TURN_SECONDS : LOOK_SECONDS);
  }

  /** A stream that may wait in line has nothing to wait for: if it was its turn, that is the next one's. */
  pass(stream: string): void {
    const key = this.out(stream);
    if (key !== undefined) this.wake(key);
  }

  private full(stream: string, { id, via }: Asker): Full | undefined {
    const { tenant } = parseStream(stream);
    const limit = this.tenants.limit(tenant, LIMIT) ?? APPROVALS_PER_REQUESTER;
    const [own, together] = keysOf(tenant, { id, via });
    for (const [who, key, most] of [
      [id, own, limit],
      [via, together, limit * TOGETHER],
    ] as const) {
      if (who === undefined || key === undefined) continue;
      const has = this.streams.get(key)?.size ?? 0;
      const kept = this.kept(key, stream);
      if (has + kept >= most) return { key, who, most, has, kept };
    }
    return undefined;
  }

  /** For how many others than this stream room is kept. */
  private kept(key: string, stream: string): number {
    const now = this.engine.clock.now();
    const lapsed: string[] = [];
    // In the order in which they end.
    for (const [called, until] of this.turns.get(key) ?? []) {
      if (until > now) break;
      lapsed.push(called);
    }
    for (const called of lapsed) this.endTurn(called);
    for (const _ of lapsed) this.wake(key);
    const turns = this.turns.get(key);
    return turns === undefined ? 0 : turns.size - (turns.has(stream) ? 1 : 0);
  }

  /** Keeps no room for a stream any more; answers the key of its line, if it was its turn. */
  private endTurn(stream: string): string | undefined {
    const key = this.called.get(stream);
    if (key === undefined) return undefined;
    this.called.delete(stream);
    const turns = this.turns.get(key);
    turns?.delete(stream);
    if (turns?.size === 0) this.turns.delete(key);
    return key;
  }

  /** There is room for one more: whoever is the first in line has its turn. */
  private wake(key: string): void {
    const [first] = this.lines.get(key) ?? [];
    if (first === undefined) return;
    const [stream, reason] = first;
    this.leave(stream);
    const now = this.engine.clock.now();
    this.called.set(stream, key);
    this.turns.set(key, (this.turns.get(key) ?? new Map<string, number>()).set(stream, now + 1_000 * TURN_SECONDS));
    const due = toTime(now);
    this.engine.deadlines.schedule([{ stream, reason, due }]).catch((error: unknown) => {
      this.engine.report('what waits for room is looked at later', { stream, error: String(error) });
    });
  }

  /** A stream is in no line any more, and it is not its turn; answers the key of the line whose turn it had. */
  private out(stream: string): string | undefined {
    this.leave(stream);
    return this.endTurn(stream);
  }

  private leave(stream: string): void {
    const key = this.inLine.get(stream);
    if (key === undefined) return;
    this.inLine.delete(stream);
    const line = this.lines.get(key);
    line?.delete(stream);
    if (line?.size === 0) this.lines.delete(key);
  }

  private set(stream: string, asker: Asker | undefined): void {
    this.entering.delete(stream);
    const before = this.keys.get(stream) ?? [];
    for (const key of before) {
      const streams = this.streams.get(key);
      streams?.delete(stream);
      if (streams?.size === 0) this.streams.delete(key);
    }
    this.keys.delete(stream);
    if (asker === undefined) {
      for (const key of before) this.wake(key);
      return;
    }
    const keys = keysOf(parseStream(stream).tenant, asker);
    this.keys.set(stream, keys);
    for (const key of keys) this.streams.set(key, (this.streams.get(key) ?? new Set()).add(stream));
  }
}

/** What it counts under: who asks, and those together for whom somebody speaks. */
function keysOf(tenant: string, { id, via }: Asker): string[] {
  const own = `${tenant} by ${actorOf(id)}`;
  return via === undefined ? [own] : [own, `${tenant} via ${actorOf(via)}`];
}

/** Whether a stream that waits in line has no decision to wait for any more. */
function needsNobody(category: string, state: unknown): boolean {
  return category === taskDecider.category
    ? (state as TaskState).status !== 'held'
    : category === roundDecider.category && choiceOf(state as RoundState) !== undefined;
}

function ofAction(state: ActionState): Asker | undefined {
  const { proposal } = state;
  if (proposal === undefined || !awaitsDecision(state)) return undefined;
  return { id: proposal.proposed_by, via: proposal.proposed_via };
}

/** An approval about an action counts as that action. */
function ofApproval(state: ApprovalState): Asker | undefined {
  const { status, request } = state;
  if (request === undefined || status !== 'waiting') return undefined;
  const isOfRound = parseStream(request.action).category === roundDecider.category;
  return isOfRound ? askerOf(request.requester, request.parties) : undefined;
}
