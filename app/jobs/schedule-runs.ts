/**
 * The runs of schedules: what falls due is written down, then posted, then written down as posted. Whatever is cut off
 * in between is found in the state, and done again as the same task, so each run is posted once.
 */
import {
  fallDue,
  MISSED_SECONDS,
  runPosted,
  runRefused,
  scheduleDecider,
  type ScheduleEvent,
  type ScheduleState,
  type WaitingRun,
} from '../../domain/jobs/schedule';
import { type Commit, sha256 } from '../../domain/kernel/commit';
import { commitRef, parseStream } from '../../domain/kernel/ids';
import { cut } from '../../domain/kernel/text';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import { namesBehind, type TaskSpec } from '../../domain/market/task';
import type { ScheduleDoc } from '../../projections/jobs/schedules';
import { ALL } from '../../projections/projection';
import type { Aggregate } from '../engine/aggregate';
import type { RequestContext } from '../engine/command';
import type { Reason } from '../engine/deadlines';
import type { Engine } from '../engine/engine';
import type { Change, Reaction } from '../engine/reacting';
import { eachRow, type RowPlace } from '../engine/rows';
import { STOPPED } from '../engine/standstill';
import type { TaskOutcome, Tasks } from '../market/module';
import { Backlog } from './backlog';
import { endsByItself, MAX_REASON } from './offers';
import { inNameOfSchedules, runIdOf } from './schedules';
import { AGAIN_SECONDS } from './standing';
import { timetableOf } from './timetable';

/** How often it is looked whether a schedule was overlooked: the process with the duty does. */
const LOOK_EVERY_MS = 600_000;
/** Looks in a second that the deadlines of all tenants wait for: each reckons times for milliseconds. */
const MOST_LOOKS = 50;
/** Runs that are posted one after the other: other schedules, and leases, wait for their turn meanwhile. */
const MOST_A_LOOK = 10;
/** Of what was missed so many more are looked at than are run, and counted: to reckon all of a year takes long. */
const MOST_COUNTED = 10;

export interface ScheduleRunsDeps extends Pick<Engine, 'transactor' | 'deadlines' | 'clock' | 'report' | 'duty'> {
  readonly schedulesOf: Aggregate<ScheduleState, ScheduleEvent, ScheduleDoc>;
  readonly tasks: Pick<Tasks, 'post'>;
}

export class ScheduleRuns {
  private readonly due: Reason;
  private readonly backlog: Backlog;
  private timer: NodeJS.Timeout | undefined;
  private searching: Promise<void> | undefined;
  /** Whatever begins a schedule has it looked at when its first run is due; each look tells when the next one is. */
  readonly reaction: Reaction = { concerns: begins, react: (change) => this.begin(change) };

  constructor(private readonly deps: ScheduleRunsDeps) {
    const looks = { reason: scheduleDecider.category, most: MOST_LOOKS, look: (stream: string) => this.look(stream) };
    this.backlog = new Backlog(looks, deps);
    this.due = this.backlog.due;
  }

  /** Starts to look, now and then, at schedules whose deadline was lost. */
  start(): void {
    this.timer = setInterval(() => void this.search(), LOOK_EVERY_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.searching;
    await this.backlog.stop();
  }

  /** Has active schedules looked at whose run is long over: their deadline was lost. */
  async overlooked(): Promise<void> {
    const { schedulesOf, deadlines, report } = this.deps;
    const late = plusSeconds(this.now(), -MISSED_SECONDS);
    const look = async ({ tenant, id, stream }: RowPlace) => {
      const due = nextRun((await schedulesOf.load(tenant, id)).state);
      if (due !== undefined && due < late) await deadlines.schedule([{ stream, reason: this.due, due: this.now() }]);
    };
    await eachRow(schedulesOf, { key: ALL, where: { status: 'active' } }, look, { report });
  }

  private async search(): Promise<void> {
    const { duty, report } = this.deps;
    if (!duty.mine) return;
    await (this.searching ??= this.overlooked()
      .catch((error: unknown) => report('schedules could not be looked at', { error: String(error) }))
      .finally(() => (this.searching = undefined)));
  }

  private async begin({ tenant, id, wish }: Change): Promise<void> {
    const { state } = await this.deps.schedulesOf.load(tenant, id);
    wish(this.due, nextRun(state));
  }

  private async look(stream: string): Promise<Time | undefined> {
    const { tenant, id } = parseStream(stream);
    const known = await this.deps.schedulesOf.current(tenant, id);
    const state = await this.fallDue(stream, known.state);
    // Nothing falls due while whoever has created it is stopped: those are missed.
    if (state === 'stopped') return plusSeconds(this.now(), AGAIN_SECONDS);
    if (state.status !== 'active') return undefined;
    for (const run of state.waiting.slice(0, MOST_A_LOOK))
      // What keeps one out keeps out the next: a limit, a stop, a store that is away.
      if (!(await this.post(tenant, id, state, run))) return this.again(state);
    return state.waiting.length > MOST_A_LOOK ? this.now() : nextRun(state);
  }

  /** When what could not be posted is asked for again; earlier where the next run is due earlier. */
  private again(state: ScheduleState): Time {
    const next = nextRun(state);
    const again = plusSeconds(this.now(), AGAIN_SECONDS);
    return next === undefined || again < next ? again : next;
  }

  /** Writes down what is due; answers the state after that, or that it is to be asked for again. */
  private async fallDue(stream: string, state: ScheduleState): Promise<ScheduleState | 'stopped'> {
    const { status, schedule, after } = state;
    if (status !== 'active' || schedule === undefined) return state;
    const now = this.now();
    const most = (schedule.on_missed === 'all' ? schedule.catch_up : 1) + MOST_COUNTED;
    const times = timetableOf(schedule.cron, schedule.time_zone).last({ after, until: now }, most);
    if (times.length === 0) return state;
    const { tenant, id } = parseStream(stream);
    const cause = await this.deps.transactor.cause(tenant, commitRef(stream, 0));
    const onBehalfOf = namesBehind(schedule);
    const context = { principal: inNameOfSchedules(tenant), onBehalfOf, cause, reaction: true };
    const outcome = await this.deps.schedulesOf.decide(context, id, 'schedule.run', fallDue(times, now));
    if (!outcome.ok && outcome.rejection.code === STOPPED) return 'stopped';
    if (!outcome.ok) throw new Error(`what is due of the schedule ${id} was refused: ${outcome.rejection.message}`);
    return outcome.state;
  }

  /** Posts a run, once; answers false where it is to be asked for again. */
  private async post(
    tenant: string,
    id: string,
    { schedule, correlation_id }: ScheduleState,
    { due, receipt }: WaitingRun,
  ): Promise<boolean> {
    if (schedule === undefined) throw new Error('a schedule that was never created has no runs');
    const { requester, requester_via, task: scheduled } = schedule;
    const { deadline_seconds, ...task } = scheduled;
    const cause = await this.deps.transactor.cause(tenant, receipt);
    const context = { principal: inNameOfSchedules(tenant), cause, reaction: true, correlationId: correlation_id };
    const deadline = deadline_seconds === undefined ? {} : { deadline: plusSeconds(due, deadline_seconds) };
    const spec: TaskSpec = {
      ...task,
      ...deadline,
      requester,
      ...(requester_via !== undefined && { requester_via }),
      schedule: { id, due },
    };
    const command = { key: `schedule:${id}`, hash: sha256(due) };
    const name = runIdOf(tenant, id, due);
    const onBehalfOf = namesBehind(schedule);
    const outcome = await this.deps.tasks.post({ ...context, command, onBehalfOf }, name, spec);
    if (!outcome.ok && endsByItself(outcome.rejection)) return false;
    await this.conclude(context, id, { due, name, outcome });
    return true;
  }

  private async conclude(
    context: RequestContext,
    id: string,
    { due, name, outcome }: { readonly due: Time; readonly name: string; readonly outcome: TaskOutcome },
  ): Promise<void> {
    const isThere = outcome.ok || outcome.rejection.code === 'task-exists';
    const told = isThere ? runPosted(due, name) : runRefused(due, cut(outcome.rejection.message, MAX_REASON));
    const written = await this.deps.schedulesOf.decide(context, id, 'schedule.run', told);
    if (!written.ok) throw new Error(`a run of the schedule ${id} was not noted: ${written.rejection.message}`);
  }

  private now(): Time {
    return toTime(this.deps.clock.now());
  }
}

/** When an active schedule is due next: what has fallen due meanwhile is due at once. */
function nextRun({ status, schedule, after }: ScheduleState): Time | undefined {
  if (status !== 'active' || schedule === undefined) return undefined;
  return timetableOf(schedule.cron, schedule.time_zone).next(after, 1)[0];
}

function begins({ events }: Commit): boolean {
  return (events as readonly ScheduleEvent[]).some(
    ({ type }) => type === 'ScheduleCreated' || type === 'ScheduleResumed',
  );
}
