/**
 * Crashes while decisions are under way: agents propose actions and put questions, voters vote, several people work on
 * one queue at once, some of it nobody ever answers. Every action is taken as soon as it is cleared, by two commands.
 */
import { OUTCOME_KIND } from '../app/oversight/round-reactions';
import { FormicaryError, type Receipt, type Status } from '../client/client';
import { OwnerKey } from '../client/credentials';
import { Session } from '../client/session';
import type { Commit } from '../domain/kernel/commit';
import { parseCommitRef, parseStream } from '../domain/kernel/ids';
import { plusSeconds, type Time } from '../domain/kernel/time';
import type { ActionEvent } from '../domain/oversight/action';
import type { ApprovalEvent } from '../domain/oversight/approval';
import { DEFAULT_RULES, type OversightRules } from '../domain/oversight/oversight';
import { DEFAULT_CHOICES, type RoundEvent } from '../domain/oversight/round';
import { PATIENT } from './crash-agents';
import { CrashLoad, type Examined } from './crash-load';
import { CommandWatch } from './crash-report';
import { pause } from './measure';

/** People decide; agents vote first; people may veto; nobody says anything. */
const ASKED = 'crash.asked';
const VOTED = 'crash.voted';
const WATCHED = 'crash.watched';
const SILENT = 'crash.silent';
const KINDS = [ASKED, VOTED, WATCHED, SILENT];

const PROPOSERS = 3;
const PEOPLE = 3;
const VOTERS = Array.from({ length: 5 }, (_, n) => ({ id: `voter-${n}`, why: 'asked by name' }));
const ELECTORATE = { algorithm: 'simple_majority', voters: VOTERS, min_agreement: 0.75, quorum: 0.6 } as const;

const ladder = (seconds: number) => ['approvers', 'administrators'].map((group) => ({ group, members: [], seconds }));
const BASE: OversightRules = {
  ...DEFAULT_RULES,
  mode: 'full_automation',
  thresholds: { ...DEFAULT_RULES.thresholds, novelty: 1 },
  approvers: ladder(300),
};
const RULES: Readonly<Record<string, OversightRules>> = {
  [ASKED]: { ...BASE, mode: 'human_approval' },
  [VOTED]: { ...BASE, round: { ...ELECTORATE, when: 'always', round_seconds: 15, improvement_rounds: 1 } },
  [WATCHED]: { ...BASE, mode: 'human_on_the_loop', veto_seconds: 2 },
  [SILENT]: { ...BASE, mode: 'human_approval', approvers: ladder(2) },
};

/** What is under way, by list and status. */
const UNDER_WAY = [
  ['actions', 'proposed'],
  ['actions', 'held'],
  ['actions', 'returned'],
  ['actions', 'veto_window'],
  ['actions', 'cleared'],
  ['rounds', 'open'],
  ['approvals', 'waiting'],
] as const;

interface Action {
  readonly id: string;
  readonly status: string;
  readonly hash: string;
}

interface Waiting {
  readonly id: string;
  readonly kind: string;
  readonly hash: string;
}

interface Round {
  readonly id: string;
  readonly kind: string;
  readonly pass: number;
  readonly snapshot: string;
  readonly choices: readonly string[];
}

export class DecisionLoad extends CrashLoad {
  private readonly root = this.as('human:root');

  start(): void {
    this.run(async () => {
      for (const [kind, rules] of Object.entries(RULES))
        await this.root.command('PUT', `/v1/oversight/${kind}`, { rules });
      for (let n = 0; n < PROPOSERS; n += 1) this.post(() => this.proposer(this.as(`proposer-${n}`)));
      for (let n = 0; n < PEOPLE; n += 1) this.run(() => this.person(this.as(`human:person-${n}`)));
      for (const { id } of VOTERS) this.run(() => this.voter(id, this.as(id)));
      this.post(() => this.asker(this.as('asker')));
    });
  }

  async drained(): Promise<boolean> {
    const { feed } = await this.root.read<Status>('/v1/status');
    if (feed.some(({ lag }) => (lag ?? 0) > 0)) return false;
    for (const [list, status] of UNDER_WAY)
      if ((await this.list(this.root, list, { status, limit: 1 })).length > 0) return false;
    return true;
  }

  examine(log: Iterable<Commit>): Examined {
    const commands = new CommandWatch();
    const decisions = new DecisionWatch();
    for (const commit of log) {
      commands.see(commit);
      decisions.see(commit);
    }
    const { lost, doneTwice } = commands.findings(this.acknowledged);
    const { doubleDecisions, doubleExecutions, outOfTime, unfinished, ...counts } = decisions.findings();
    return {
      figures: {
        acknowledged: this.acknowledged.length,
        ...counts,
        lost: lost.length,
        doneTwice: doneTwice.length,
        doubleDecisions: doubleDecisions.length,
        doubleExecutions: doubleExecutions.length,
        outOfTime: outOfTime.length,
        unfinished: unfinished.length,
      },
      problems: [
        ...lost,
        ...doneTwice.map((command) => `done twice: ${command}`),
        ...doubleDecisions.map((what) => `decided twice: ${what}`),
        ...doubleExecutions.map((what) => `taken twice, or without a clearance: ${what}`),
        ...outOfTime.map((what) => `not in its time: ${what}`),
        ...unfinished.map((stream) => `did not end: ${stream}`),
      ],
    };
  }

  private as(principal: string): Session {
    return new Session(
      this.transport,
      { principal, credentials: new OwnerKey(this.transport, this.credentials, principal) },
      PATIENT,
    );
  }

  private async list<T>(session: Session, what: string, query: Record<string, string | number>): Promise<readonly T[]> {
    return (await session.read<{ value: readonly T[] }>(`/v1/${what}`, query)).value;
  }

  private async command<T extends { readonly receipt: Receipt }>(
    session: Session,
    path: string,
    body: unknown,
  ): Promise<T> {
    const answer = await session.command<T>('POST', path, body, { idempotencyKey: this.key() });
    this.heard(answer.receipt);
    return answer;
  }

  /** A command that may come too late: others decide as well. */
  private async attempt(session: Session, path: string, body: unknown): Promise<void> {
    try {
      await this.command(session, path, body);
    } catch (error) {
      if (!(error instanceof FormicaryError) || ![403, 409, 412].includes(error.status)) throw error;
    }
  }

  private async proposer(session: Session): Promise<void> {
    for (let n = 0; this.isPosting; n += 1) {
      const kind = this.pick(KINDS) as string;
      const impact = kind === ASKED && this.draw() < 0.3 ? 'critical' : 'low';
      const proposal = {
        kind,
        action: { amount: n },
        why: 'the crash test drew it',
        confidence: 0.9,
        impact,
        features: { amount: 1 },
      };
      const { action } = await this.command<{ receipt: Receipt; action: Action }>(session, '/v1/actions', proposal);
      this.run(() => this.follow(session, action.id));
      await pause(this.draw() * 300);
    }
  }

  /** Takes the action once it is cleared, with two commands at once. */
  private async follow(session: Session, id: string): Promise<void> {
    while (!this.abort.signal.aborted) {
      const { status, hash } = await session.read<Action>(`/v1/actions/${id}`);
      if (['executed', 'refused', 'vetoed'].includes(status)) return;
      if (status === 'cleared')
        await Promise.all([1, 2].map(() => this.attempt(session, `/v1/actions/${id}/execute`, { hash })));
      await pause(200 + this.draw() * 200);
    }
  }

  private async asker(session: Session): Promise<void> {
    for (let n = 0; this.isPosting; n += 1) {
      const kind = this.draw() < 0.5 ? SILENT : VOTED;
      await this.command(session, '/v1/rounds', {
        question: `Question ${n}`,
        kind,
        impact: 'low',
        round_seconds: kind === SILENT ? 1 : 15,
        improvement_rounds: 1,
        electorate: ELECTORATE,
      });
      await pause(this.draw() * 500);
    }
  }

  private async voter(id: string, session: Session): Promise<void> {
    const voted = new Set<string>();
    while (!this.abort.signal.aborted) {
      for (const { id: round, kind } of await this.list<Round>(session, 'rounds', {
        status: 'open',
        voter: id,
        limit: 20,
      })) {
        if (kind === SILENT) continue;
        const { pass, snapshot, choices } = await session.read<Round>(`/v1/rounds/${round}`);
        if (voted.has(`${round} ${pass}`)) continue;
        voted.add(`${round} ${pass}`);
        const choice = this.draw() < 0.8 ? choices[0] : choices[1];
        await this.attempt(session, `/v1/rounds/${round}/votes`, {
          choice,
          confidence: 0.9,
          reasoning: 'the crash test drew it',
          snapshot,
          pass,
        });
      }
      await pause(this.draw() * 200);
    }
  }

  /** Works at the top of the queue, as the others do. */
  private async person(session: Session): Promise<void> {
    while (!this.abort.signal.aborted) {
      const waiting = await this.list<Waiting>(session, 'approvals', { status: 'waiting', limit: 50 });
      const chosen = this.pick(waiting.filter(({ kind }) => kind !== SILENT).slice(0, 3));
      if (chosen !== undefined) await this.decide(session, chosen);
      const vetoable =
        this.draw() < 0.02
          ? this.pick(await this.list<Action>(session, 'actions', { status: 'veto_window', limit: 5 }))
          : undefined;
      if (vetoable !== undefined)
        await this.attempt(session, `/v1/actions/${vetoable.id}/veto`, { reason: 'the crash test drew it' });
      await pause(this.draw() * 100);
    }
  }

  private async decide(session: Session, { id, kind, hash }: Waiting): Promise<void> {
    const lot = this.draw();
    const path = `/v1/approvals/${id}`;
    if (lot < 0.2) await this.attempt(session, `${path}/claim`, { seconds: 1 + Math.floor(this.draw() * 3) });
    else if (lot < 0.3) await this.attempt(session, `${path}/reject`, { hash, reason: 'the crash test drew a no' });
    // What the agents could not decide may have no leader: which choice it is to be is said.
    else
      await this.attempt(session, `${path}/approve`, {
        hash,
        reason: 'the crash test drew a yes',
        choice: kind === OUTCOME_KIND ? DEFAULT_CHOICES[0] : undefined,
      });
  }

  private pick<T>(of: readonly T[]): T | undefined {
    return of[Math.floor(this.draw() * of.length)];
  }
}

// ------------------------------------------------------------------------------------------------------- the findings

export interface DecisionFindings {
  readonly actions: number;
  readonly executed: number;
  /** Approvals that ended with their safe default. */
  readonly defaulted: number;
  /** What was decided although a decision stood: `stream@index: event`. */
  readonly doubleDecisions: readonly string[];
  /** Actions that were taken again, or for which nothing that stands says so: `stream@index: event`. */
  readonly doubleExecutions: readonly string[];
  /** What people or votes decided after the deadline, and what the clock decided before it: `stream@index: event`. */
  readonly outOfTime: readonly string[];
  /** Streams on which something still waits. */
  readonly unfinished: readonly string[];
}

/** A commit's time may lie a little after that of its decision. Seconds. */
const TOLERANCE = 1;

interface Decided {
  open: boolean;
  deadline: Time;
  /** Of the approved action, or the choice of the round. */
  answer: string | undefined;
}

interface Gate {
  end: 'executed' | 'refused' | 'vetoed' | undefined;
  cleared: string | undefined;
}

/** Follows every approval, round and action through the receipts, which come in the order of the log. */
export class DecisionWatch {
  private readonly asked = new Map<string, Decided>();
  private readonly gates = new Map<string, Gate>();
  private readonly doubleDecisions: string[] = [];
  private readonly doubleExecutions: string[] = [];
  private readonly outOfTime: string[] = [];
  private defaulted = 0;

  see({ stream, index, at, events }: Commit): void {
    for (const event of events) {
      const place = `${stream}@${index}: ${event.type}`;
      switch (parseStream(stream).category) {
        case 'approval':
          this.approval(stream, place, at, event as ApprovalEvent);
          break;
        case 'round':
          this.round(stream, place, at, event as RoundEvent);
          break;
        case 'action':
          this.action(stream, place, event as ActionEvent);
          break;
        default:
      }
    }
  }

  findings(): DecisionFindings {
    const gates = [...this.gates];
    return {
      actions: gates.length,
      executed: gates.filter(([, { end }]) => end === 'executed').length,
      defaulted: this.defaulted,
      doubleDecisions: this.doubleDecisions,
      doubleExecutions: this.doubleExecutions,
      outOfTime: this.outOfTime,
      unfinished: [
        ...[...this.asked].filter(([, { open }]) => open),
        ...gates.filter(([, { end }]) => end === undefined),
      ].map(([stream]) => stream),
    };
  }

  private approval(stream: string, place: string, at: Time, event: ApprovalEvent): void {
    switch (event.type) {
      case 'ApprovalRequested':
      case 'ApprovalReopened':
      case 'ApprovalExtended':
        this.opened(stream, event.data.ends.at(-1) as Time);
        break;
      case 'ApprovalGiven':
      case 'ApprovalRejected':
        this.decided(stream, place, at);
        break;
      case 'ApprovalClosed': {
        const { outcome, hash } = event.data;
        if (outcome === 'defaulted') {
          this.defaulted += 1;
          this.clockDecided(stream, place, at);
        }
        this.closed(stream, place, outcome === 'approved' ? hash : undefined);
        break;
      }
      default:
    }
  }

  private round(stream: string, place: string, at: Time, event: RoundEvent): void {
    switch (event.type) {
      case 'RoundOpened':
        this.opened(stream, event.data.spec.deadline);
        break;
      case 'VoteCast':
      case 'VoteChanged':
        this.decided(stream, place, at);
        break;
      case 'ImprovementOpened':
      case 'RoundExtended':
        this.opened(stream, event.data.deadline);
        break;
      case 'RoundClosed':
        if (!event.data.early) this.clockDecided(stream, place, at);
        this.closed(stream, place, event.data.choice);
        break;
      case 'RoundCancelled':
        this.closed(stream, place, undefined);
        break;
      default:
    }
  }

  private action(stream: string, place: string, event: ActionEvent): void {
    const gate = this.gates.get(stream) ?? { end: undefined, cleared: undefined };
    this.gates.set(stream, gate);
    const isSettled = gate.end !== undefined || gate.cleared !== undefined;
    switch (event.type) {
      case 'ActionCleared': {
        const { by, ref, hash } = event.data;
        if (isSettled) this.doubleDecisions.push(place);
        const answer = this.asked.get(parseCommitRef(ref ?? '')?.stream ?? '')?.answer;
        // A round is asked about one action, so its choice tells enough.
        if ((by === 'approval' && answer !== hash) || (by === 'round' && answer === undefined))
          this.doubleExecutions.push(place);
        gate.cleared = hash;
        break;
      }
      case 'ActionRefused':
        if (isSettled) this.doubleDecisions.push(place);
        gate.end = 'refused';
        break;
      case 'ActionVetoed':
        if (gate.end !== undefined) this.doubleDecisions.push(place);
        gate.end = 'vetoed';
        break;
      case 'ActionReturned':
        gate.cleared = undefined;
        break;
      case 'ActionExecuted':
        if (gate.end !== undefined || gate.cleared !== event.data.hash) this.doubleExecutions.push(place);
        gate.end = 'executed';
        break;
      default:
    }
  }

  private opened(stream: string, deadline: Time): void {
    this.asked.set(stream, { open: true, deadline, answer: undefined });
  }

  private closed(stream: string, place: string, answer: string | undefined): void {
    const asked = this.asked.get(stream);
    if (asked?.open !== true) this.doubleDecisions.push(place);
    if (asked !== undefined) Object.assign(asked, { open: false, answer });
  }

  private decided(stream: string, place: string, at: Time): void {
    const asked = this.asked.get(stream);
    if (asked?.open !== true) this.doubleDecisions.push(place);
    else if (at > plusSeconds(asked.deadline, TOLERANCE)) this.outOfTime.push(place);
  }

  private clockDecided(stream: string, place: string, at: Time): void {
    if (at < (this.asked.get(stream)?.deadline ?? '')) this.outOfTime.push(place);
  }
}
