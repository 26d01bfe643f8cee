/**
 * Jobs: tasks that are posted as one thing, some of which come after others; and those that are posted on a schedule.
 * Owns jobs and schedules; in memory the plans used lately.
 * Calls the market (tasks are posted, cancelled, read), notices (ends are told) and tenants.
 */
import { isEnded, jobDecider } from '../../domain/jobs/job';
import { isThere, scheduleDecider, type ScheduleState } from '../../domain/jobs/schedule';
import { JOB_ENDS, JOB_STATUSES } from '../../domain/jobs/statuses';
import { jobs as jobsView } from '../../projections/jobs/jobs';
import { schedules as schedulesView } from '../../projections/jobs/schedules';
import { ALL } from '../../projections/projection';
import { EndWaits } from '../engine/end-waits';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { eachRow, type RowPlace } from '../engine/rows';
import { nextTurn } from '../engine/turns';
import { Payloads, type Predecessors, type Tasks, type WindingUp } from '../market/module';
import { type ChannelBook, type Deliveries, PUBLIC_URL } from '../notices/module';
import type { TenantBook } from '../tenants/module';
import { EndNotices } from './end-notices';
import { Filling } from './filling';
import { Followers } from './followers';
import { Jobs } from './jobs';
import { Offers } from './offers';
import { Plans } from './plans';
import { JobReactions } from './reactions';
import { ScheduleRuns } from './schedule-runs';
import { Schedules } from './schedules';

export type { Jobs };

export interface JobsNeeds {
  readonly tasks: Tasks;
  readonly predecessors: Predecessors;
  readonly tenantBook: TenantBook;
  readonly windingUp: WindingUp;
  readonly channelBook: ChannelBook;
  readonly deliveries: Deliveries;
  /** Where people find the colony: links in notices lead there. */
  readonly publicUrl?: string;
}

/** What schedules are that are not deleted. */
const KEPT = ['active', 'paused'] as const;
const UNDER_WAY = JOB_STATUSES.filter((status) => !(JOB_ENDS as readonly string[]).includes(status));

export function jobsModule(engine: Engine, needs: JobsNeeds) {
  const { tasks, predecessors, tenantBook, windingUp, channelBook, deliveries, publicUrl = PUBLIC_URL } = needs;
  const { transactor, blobs, deadlines, clock, report, duty } = engine;
  const jobsOf = engine.aggregate(jobDecider, { view: jobsView, followed: true });
  const plans = new Plans(blobs, new Payloads(blobs, tenantBook));
  const jobs = new Jobs({ jobs: jobsOf, plans, tasks, transactor, clock });
  const jobEnds = new EndWaits(transactor, jobsOf, isEnded);
  const filling = new Filling({ tasks, transactor });
  const offers = new Offers({ tasks, filling, transactor, clock });
  const aside = new Filling({ tasks, transactor, pause: nextTurn });
  const followers = new Followers({ tasks, predecessors, filling, aside, transactor, deadlines, clock, report });
  const schedulesOf = engine.aggregate(scheduleDecider, { view: schedulesView, followed: true });
  const schedules = new Schedules({ schedules: schedulesOf, transactor, tenants: tenantBook, clock });
  transactor.onCommitted(({ category, stream, state, version }) => {
    if (category === scheduleDecider.category)
      schedules.census.update(stream, version, isThere(state as ScheduleState));
  });
  const scheduleRuns = new ScheduleRuns({ transactor, deadlines, clock, report, duty, schedulesOf, tasks });
  const also = { [scheduleDecider.category]: scheduleRuns.reaction };
  const jobReactions = new JobReactions({
    transactor,
    deadlines,
    clock,
    report,
    jobsOf,
    jobs,
    offers,
    followers,
    also,
  });
  const endNotices = new EndNotices({ transactor, deadlines, jobsOf, channelBook, deliveries, publicUrl });
  windingUp.also({
    aggregate: schedulesOf,
    statuses: KEPT,
    end: (context, id) => schedules.remove(context, id),
  });
  windingUp.also({
    aggregate: jobsOf,
    statuses: UNDER_WAY,
    end: async (context, id, reason) => {
      const outcome = await jobs.cancel(context, id, reason);
      await jobReactions.windUp(context.principal.tenant, id);
      return outcome;
    },
  });
  return {
    services: { jobs, jobEnds, jobReactions, endNotices, schedules, scheduleRuns },
    consumers: { reactions: [jobReactions, endNotices] },
    // Until it is whole a few more than the most may be let in: it bounds the work, and nobody's rights.
    async fillMore(signal: AbortSignal) {
      const count = async ({ tenant, id, stream }: RowPlace) => {
        const { state, version } = await schedulesOf.load(tenant, id);
        schedules.census.update(stream, version, isThere(state));
      };
      for (const status of KEPT) await eachRow(schedulesOf, { key: ALL, where: { status } }, count, { report, signal });
    },
    start: () => scheduleRuns.start(),
    async stop() {
      jobEnds.stop();
      await scheduleRuns.stop();
      await followers.stop();
    },
  } satisfies Module;
}
