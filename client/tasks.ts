/** Tasks: posting, bidding, holding, completing. */
import type {
  AwardRecomputation,
  Candidate as CandidateSchema,
  ClaimInput as ClaimInputSchema,
  Task as TaskSchema,
  TaskInput as TaskInputSchema,
  tasks,
  TaskSummary as TaskSummarySchema,
  Why,
} from '../contract/market/tasks';
import type { AnswerOf, BodyOf, QueryOf, Sent, Shown } from '../contract/route';
import {
  type AsOf,
  type CommandOptions,
  type ItemOf,
  type Opening,
  PAGE,
  type ReadOptions,
  type Session,
  type Wait,
} from './session';
import { Waiting } from './waiting';

export type TaskInput = Sent<typeof TaskInputSchema>;
/** Who holds the task under which award; the agent is the caller when left out. */
export type ClaimInput = Sent<typeof ClaimInputSchema>;
export type TaskFilter = QueryOf<typeof tasks.list>;
export type Task = Shown<typeof TaskSchema>;
export type TaskSummary = Shown<typeof TaskSummarySchema>;
export type TaskAnswer = AnswerOf<typeof tasks.post>;
export type Candidate = Shown<typeof CandidateSchema>;
export type WhyNot = Shown<typeof Why>;
export type WhyCode = WhyNot['code'];
export type Posted = ItemOf<typeof tasks.postMany>;
export type Recomputation = Shown<typeof AwardRecomputation>;

/** How a task can end, and stay unless somebody brings it back. */
const ENDS: readonly Task['status'][] = ['completed', 'cancelled', 'expired', 'dead'];
/** Looks at a task that is waited for come so far apart at first, and in the end. Milliseconds. */
const FIRST_LOOK_MS = 50;
const LAST_LOOK_MS = 2_000;

/** A task ended without being completed. */
export class TaskEnded extends Error {
  override readonly name = 'TaskEnded';

  constructor(
    readonly task: string,
    /** `cancelled`, `expired` or `dead`. */
    readonly status: Task['status'],
    readonly reason: string,
  ) {
    super(`the task ${task} is ${status}: ${reason}`);
  }
}

/** `/v1/tasks` */
export class TasksApi {
  constructor(private readonly session: Session) {}

  post(body: TaskInput, options?: CommandOptions): Promise<TaskAnswer> {
    return this.session.call<typeof tasks.post>('POST /v1/tasks', { body }, options);
  }

  /** Posts up to 500 tasks; answers for each, in their order. */
  postMany(inputs: readonly TaskInput[], options?: CommandOptions): Promise<readonly Posted[]> {
    return this.session.batch<typeof tasks.postMany>('POST /v1/tasks/batch', { body: { tasks: inputs } }, options);
  }

  list(query: TaskFilter = {}, options?: ReadOptions): Promise<AnswerOf<typeof tasks.list>> {
    return this.session.call<typeof tasks.list>('GET /v1/tasks', { query }, options);
  }

  /** Every task that the filter finds, page by page. */
  all(filter: TaskFilter = {}, options?: ReadOptions): AsyncGenerator<TaskSummary, void, undefined> {
    return this.session.items<typeof tasks.list>('GET /v1/tasks', { query: { limit: PAGE, ...filter } }, options);
  }

  /** A task, now, as it was, or once it has ended. */
  get(id: string, { asOf, waitSeconds, personal, purpose, ...options }: AsOf & Wait & Opening = {}): Promise<Task> {
    const request = { params: { id }, query: { asOf, waitSeconds, personal, purpose } };
    return this.session.call<typeof tasks.get>('GET /v1/tasks/{id}', request, options);
  }

  /**
   * The task once it has ended: completed, cancelled, expired or dead. Waits for as long as that takes, also while the
   * host is away, once it has answered; or until the signal aborts (`AbortSignal.timeout(60_000)`).
   */
  async wait(id: string, options: ReadOptions = {}): Promise<Task> {
    const waiting = new Waiting(this.session, options.signal, FIRST_LOOK_MS, LAST_LOOK_MS);
    let task = await this.get(id, options);
    while (!ENDS.includes(task.status)) task = await waiting.again(() => this.get(id, options));
    return task;
  }

  /**
   * What came of the task, once it is completed; a large result is fetched from where it is kept. Rejects with
   * `TaskEnded` when it ended otherwise.
   */
  async result(id: string, options: ReadOptions = {}): Promise<unknown> {
    const { status, completion, ended } = await this.wait(id, options);
    if (completion === undefined) throw new TaskEnded(id, status, ended?.reason ?? 'no attempt was left');
    const { result, result_ref } = completion;
    return result_ref === undefined ? result : await this.blob(id, result_ref, options);
  }

  /** Every agent that has the capability which the task asks for first, and what is in its way. */
  candidates(id: string, options?: ReadOptions): AsyncGenerator<Candidate, void, undefined> {
    const request = { params: { id }, query: { limit: 500 } };
    return this.session.items<typeof tasks.candidates>('GET /v1/tasks/{id}/candidates', request, options);
  }

  bid(id: string, body: BodyOf<typeof tasks.bid> = {}, options?: CommandOptions): Promise<TaskAnswer> {
    return this.session.call<typeof tasks.bid>('POST /v1/tasks/{id}/bids', { params: { id }, body }, options);
  }

  withdrawBid(id: string, body: BodyOf<typeof tasks.withdrawBid> = {}, options?: CommandOptions): Promise<TaskAnswer> {
    const request = { params: { id }, body };
    return this.session.call<typeof tasks.withdrawBid>('POST /v1/tasks/{id}/withdraw-bid', request, options);
  }

  /** Accepts an award; the lease starts. */
  accept(id: string, body: ClaimInput, options?: CommandOptions): Promise<TaskAnswer> {
    return this.session.call<typeof tasks.accept>('POST /v1/tasks/{id}/accept', { params: { id }, body }, options);
  }

  decline(id: string, body: BodyOf<typeof tasks.decline>, options?: CommandOptions): Promise<TaskAnswer> {
    return this.session.call<typeof tasks.decline>('POST /v1/tasks/{id}/decline', { params: { id }, body }, options);
  }

  /** Extends the lease. */
  heartbeat(id: string, body: ClaimInput, options?: CommandOptions): Promise<TaskAnswer> {
    const request = { params: { id }, body };
    return this.session.call<typeof tasks.heartbeat>('POST /v1/tasks/{id}/heartbeat', request, {
      ...options,
      signOfLife: true,
    });
  }

  /** Says how far the work is. */
  progress(id: string, body: BodyOf<typeof tasks.progress>, options?: CommandOptions): Promise<TaskAnswer> {
    return this.session.call<typeof tasks.progress>('POST /v1/tasks/{id}/progress', { params: { id }, body }, options);
  }

  complete(id: string, body: BodyOf<typeof tasks.complete>, options?: CommandOptions): Promise<TaskAnswer> {
    return this.session.call<typeof tasks.complete>('POST /v1/tasks/{id}/complete', { params: { id }, body }, options);
  }

  fail(id: string, body: BodyOf<typeof tasks.fail>, options?: CommandOptions): Promise<TaskAnswer> {
    return this.session.call<typeof tasks.fail>('POST /v1/tasks/{id}/fail', { params: { id }, body }, options);
  }

  /** Gives the task back for another attempt. */
  release(id: string, body: BodyOf<typeof tasks.release>, options?: CommandOptions): Promise<TaskAnswer> {
    return this.session.call<typeof tasks.release>('POST /v1/tasks/{id}/release', { params: { id }, body }, options);
  }

  /** Hands the running task to another agent. */
  handOff(id: string, body: BodyOf<typeof tasks.handOff>, options?: CommandOptions): Promise<TaskAnswer> {
    return this.session.call<typeof tasks.handOff>('POST /v1/tasks/{id}/handoff', { params: { id }, body }, options);
  }

  cancel(id: string, reason?: string, options?: CommandOptions): Promise<TaskAnswer> {
    const request = { params: { id }, body: { reason } };
    return this.session.call<typeof tasks.cancel>('POST /v1/tasks/{id}/cancel', request, options);
  }

  /**
   * Brings a dead or expired task back; a deadline that has passed is given again, by default with as much time as
   * before.
   */
  redrive(
    id: string,
    { deadline, ...options }: { readonly deadline?: string } & CommandOptions = {},
  ): Promise<TaskAnswer> {
    const request = { params: { id }, body: { deadline } };
    return this.session.call<typeof tasks.redrive>('POST /v1/tasks/{id}/redrive', request, options);
  }

  /** Has the host compute an award again from its receipt; the last one by default. */
  recompute(id: string, { award, ...options }: { readonly award?: number } & ReadOptions = {}): Promise<Recomputation> {
    const request = { params: { id }, query: { award } };
    return this.session.call<typeof tasks.recompute>('GET /v1/tasks/{id}/recompute', request, options);
  }

  /** A large payload or result: `payload_ref` or `result_ref` of the task. */
  blob(id: string, reference: string, { personal, purpose, ...options }: ReadOptions & Opening = {}): Promise<unknown> {
    const request = { params: { id, reference }, query: { personal, purpose } };
    return this.session.call<typeof tasks.blob>('GET /v1/tasks/{id}/blobs/{reference}', request, options);
  }
}
