/** What the function of a worker is given. */
import type { Action, ActionInput } from '../actions';
import type { Assignment } from '../agents';
import type { Formicary } from '../client';
import type { Session } from '../session';
import { Waiting } from '../waiting';
import { type Claim, type Log, say } from './claim';

/** How people, agents and rules are asked before something risky is done. */
export interface AskOptions extends Partial<Omit<ActionInput, 'action'>> {
  readonly why: string;
  /** Ends the wait, and rejects with its reason; the approval goes on. */
  readonly signal?: AbortSignal;
}

/** What a worker needs of its client. */
export interface Door {
  readonly formicary: Formicary;
  readonly session: Session;
  readonly log: Log;
}

/** A task that was accepted. Its lease is extended while the function works. */
export class WorkerTask {
  /** `task_id`. */
  readonly id: string;
  readonly award: number;
  /** From 1. */
  readonly attempt: number;
  /** What was posted, with every default filled in. */
  readonly spec: Assignment['spec'];
  /** Aborts, with `Cancelled`, when what comes of the work is not wanted any more. Hand it on to what takes long. */
  readonly signal: AbortSignal;
  /** What the work has cost in all, in millionths of a US dollar: set it, and it is said with what comes next. */
  costMicroUsd: number | undefined;
  private fetched: Promise<unknown> | undefined;

  constructor(
    private readonly door: Door,
    private readonly claim: Claim,
    { task, award, attempt, spec }: Assignment,
  ) {
    this.id = task;
    this.award = award;
    this.attempt = attempt;
    this.spec = spec;
    this.signal = claim.signal;
  }

  /** The worker's client, for whatever else the agent asks of the host. */
  get formicary(): Formicary {
    return this.door.formicary;
  }

  /** `task_type`. */
  get type(): string {
    return this.spec.task_type;
  }

  /** The work itself; undefined when there is none. A large one is fetched when it is asked for first. */
  payload(): Promise<unknown> {
    return (this.fetched ??= this.fetch());
  }

  private async fetch(): Promise<unknown> {
    const { payload, payload_ref } = this.spec;
    if (payload_ref === undefined) return payload;
    const { session, formicary } = this.door;
    const waiting = new Waiting(session, this.signal, 0, 0);
    return await waiting.patiently(() => formicary.tasks.blob(this.id, payload_ref, { signal: this.signal }));
  }

  /**
   * Says how far the work is, a fraction from 0 to 1; a host that is away is not told. Where the work has cost more
   * than is reserved for it, this waits until people let it go on. Rejects with `Cancelled` when the task is not this
   * worker's any more.
   */
  async progress(fraction: number, note?: string): Promise<void> {
    const body = { ...this.claim.body, fraction, note, cost_micro_usd: this.costMicroUsd };
    const said = (options: object) => this.formicary.tasks.progress(this.id, body, options);
    await say(this.door, this.claim, said, { patiently: false });
  }

  /**
   * Asks before something risky is done, and waits for as long as that takes; the lease goes on meanwhile.
   *
   * The rules of its `kind` (by default the task's type) say who decides: they alone, agents, or people, who decide
   * wherever there are no rules. Resolves with the action that may be done now, once; people may have corrected it.
   * Rejects with `Refused` when it may not be done, and with `Cancelled` when the task is not this worker's any more.
   */
  async askHuman(action: ActionInput['action'], { signal, ...asked }: AskOptions): Promise<Action['action']> {
    const proposed = { confidence: 0.5, impact: 'medium', kind: this.type, ...asked, action } as const;
    const signals = signal === undefined ? this.signal : AbortSignal.any([this.signal, signal]);
    return (await this.formicary.actions.clear(proposed, { signal: signals })).action;
  }

  /** W3C trace context of whoever posted the task, to go on with; undefined when it had none. Asks the host. */
  async traceparent(): Promise<string | undefined> {
    for await (const { meta } of this.formicary.receipts.stream('task', this.id, { signal: this.signal }))
      return meta.traceparent;
    return undefined;
  }
}
