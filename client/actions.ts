/** Actions at their gate: what may be done only when it is cleared. */
import type {
  Action as ActionSchema,
  actions,
  ActionSummary as ActionSummarySchema,
} from '../contract/oversight/actions';
import type { AnswerOf, BodyOf, QueryOf, Shown } from '../contract/route';
import { type AsOf, type CommandOptions, type Opening, PAGE, type ReadOptions, type Session } from './session';
import { Waiting } from './waiting';

export type ActionInput = BodyOf<typeof actions.propose>;
export type ActionFilter = QueryOf<typeof actions.list>;
export type Action = Shown<typeof ActionSchema>;
/** An action as lists show it. */
export type ActionSummary = Shown<typeof ActionSummarySchema>;
export type ActionAnswer = AnswerOf<typeof actions.propose>;
export type ActionOverride = BodyOf<typeof actions.override>;

/** Looks at an action that waits for others come so far apart at first, and in the end. Milliseconds. */
const FIRST_LOOK_MS = 250;
const LAST_LOOK_MS = 5_000;

/** The rules, agents or people did not let the action happen. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly reason: string;

  constructor(readonly action: Action) {
    const reason = action.stopped?.reason ?? action.status;
    super(`the action ${action.id} may not be taken: ${reason}`);
    this.reason = reason;
  }
}

/** `/v1/actions` */
export class ActionsApi {
  constructor(private readonly session: Session) {}

  /** Asks whether an action may be taken: its status says what follows. */
  propose(body: ActionInput, options?: CommandOptions): Promise<ActionAnswer> {
    return this.session.call<typeof actions.propose>('POST /v1/actions', { body }, options);
  }

  list(query: ActionFilter = {}, options?: ReadOptions): Promise<AnswerOf<typeof actions.list>> {
    return this.session.call<typeof actions.list>('GET /v1/actions', { query }, options);
  }

  /** Every action that the filter finds, page by page. */
  all(filter: ActionFilter = {}, options?: ReadOptions): AsyncGenerator<ActionSummary, void, undefined> {
    return this.session.items<typeof actions.list>('GET /v1/actions', { query: { limit: PAGE, ...filter } }, options);
  }

  get(id: string, { asOf, personal, purpose, ...options }: AsOf & Opening = {}): Promise<Action> {
    const request = { params: { action_id: id }, query: { asOf, personal, purpose } };
    return this.session.call<typeof actions.get>('GET /v1/actions/{action_id}', request, options);
  }

  /** Takes the cleared action, once: do it when this succeeds, and only then. */
  execute(id: string, body: BodyOf<typeof actions.execute>, options?: CommandOptions): Promise<ActionAnswer> {
    const request = { params: { action_id: id }, body };
    return this.session.call<typeof actions.execute>('POST /v1/actions/{action_id}/execute', request, options);
  }

  /**
   * Proposes an action, waits until it is cleared, and takes it: when this resolves it is to be done, once. What is to
   * be done is `action` of the answer: people may have corrected it. Waits for as long as that takes, also while the
   * host is away or everything is stopped, or until the signal aborts; the approval goes on then. Rejects with
   * `Refused` when it may not be done.
   */
  async clear(body: ActionInput, options: ReadOptions = {}): Promise<Action> {
    const waiting = new Waiting(this.session, options.signal, FIRST_LOOK_MS, LAST_LOOK_MS);
    // Under the same key whoever loses an answer gets it again: nothing is proposed twice, nor taken by nobody.
    const proposing = { ...options, idempotencyKey: crypto.randomUUID() };
    let { action } = await waiting.patiently(() => this.propose(body, proposing));
    const { id } = action;
    while (!isDecided(action)) action = await waiting.again(() => this.get(id, options));
    if (action.status !== 'cleared') throw new Refused(action);
    const taking = { ...options, idempotencyKey: crypto.randomUUID() };
    const { hash } = action;
    return (await waiting.patiently(() => this.execute(id, { hash }, taking))).action;
  }

  /** Stops it while its veto window is open, or before it is taken. */
  veto(id: string, reason: string, options?: CommandOptions): Promise<ActionAnswer> {
    const request = { params: { action_id: id }, body: { reason } };
    return this.session.call<typeof actions.veto>('POST /v1/actions/{action_id}/veto', request, options);
  }

  /** Decides otherwise, as a person. */
  override(id: string, body: ActionOverride, options?: CommandOptions): Promise<ActionAnswer> {
    const request = { params: { action_id: id }, body };
    return this.session.call<typeof actions.override>('POST /v1/actions/{action_id}/override', request, options);
  }

  /** Says by what (`ref`) a wrong action was undone. */
  compensated(id: string, ref: string, options?: CommandOptions): Promise<ActionAnswer> {
    const request = { params: { action_id: id }, body: { ref } };
    return this.session.call<typeof actions.compensated>('POST /v1/actions/{action_id}/compensated', request, options);
  }
}

function isDecided({ status }: Action): boolean {
  return status === 'cleared' || status === 'refused' || status === 'vetoed';
}
