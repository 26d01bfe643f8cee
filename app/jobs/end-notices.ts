/**
 * Tells whoever wants to know that a task or a job has ended, through the channels of their tenant: each end once,
 * under the id of the receipt that holds it.
 */
import { jobDecider, type JobEvent, type JobState } from '../../domain/jobs/job';
import type { Commit } from '../../domain/kernel/commit';
import { commitRef, parseStream } from '../../domain/kernel/ids';
import { taskDecider, type TaskEvent } from '../../domain/market/task';
import { ALL_GROUPS, channelDecider } from '../../domain/notices/channel';
import { type EndEvent, type Fact, type Matter, noticeOf } from '../../domain/notices/notice';
import type { Aggregate } from '../engine/aggregate';
import type { Engine } from '../engine/engine';
import type { Consumer } from '../engine/feed';
import { causeOfPart, type Change, eventsOf, react, type ReactionsByCategory } from '../engine/reacting';
import type { ChannelBook, Deliveries } from '../notices/module';
import { endOf } from './task-ends';

export interface EndNoticesDeps extends Pick<Engine, 'transactor' | 'deadlines'> {
  readonly jobsOf: Aggregate<JobState, JobEvent, unknown>;
  readonly channelBook: ChannelBook;
  readonly deliveries: Deliveries;
  /** Where the colony is found, for example `https://formicary.example`. */
  readonly publicUrl: string;
}

/** What is told of an end, beside what all notices of its stream have in common. */
type Told = Pick<Matter, 'subject' | 'summary' | 'facts'> & { readonly ended: NonNullable<Matter['ended']> };

export class EndNotices implements Consumer {
  readonly name = 'notices';
  private readonly reactions: ReactionsByCategory = {
    [taskDecider.category]: {
      concerns: (commit) => tasksEnd(commit) && this.isWanted(commit, 'task-ended'),
      react: (change) => this.task(change),
    },
    [jobDecider.category]: {
      concerns: (commit) => jobsEnd(commit) && this.isWanted(commit, 'job-ended'),
      react: (change) => this.job(change),
    },
  };

  constructor(private readonly deps: EndNoticesDeps) {}

  async handle(commits: readonly Commit[]): Promise<void> {
    await this.hear(commits);
    await react(commits, this.reactions, this.deps);
  }

  /** A channel that its view did not show yet at the start comes again; whether ends are wanted is asked after that. */
  private async hear(commits: readonly Commit[]): Promise<void> {
    const { transactor, channelBook } = this.deps;
    for (const { stream, index } of commits) {
      const { tenant, category, id } = parseStream(stream);
      if (category !== channelDecider.category || channelBook.versionOf(tenant, id) >= index) continue;
      await transactor.catchUp(stream, index);
      const { state, version } = await transactor.load(channelDecider, stream);
      channelBook.update(tenant, id, state, version);
    }
  }

  private async task(change: Change): Promise<void> {
    const { stream, id } = change;
    const { spec } = (await this.deps.transactor.load(taskDecider, stream)).state;
    if (spec === undefined) return;
    const { task_type, job, requester } = spec;
    for (const { commit, event } of eventsOf<TaskEvent>(change)) {
      const ended = endOf(event);
      if (ended === undefined) continue;
      const { end: status, reason = '' } = ended;
      await this.tell(change, commit, 'task-ended', {
        subject: `${id} is ${status}`,
        summary: reason,
        facts: [
          { name: 'Type', value: task_type },
          { name: 'Posted by', value: requester },
        ],
        ended: { task: id, task_type, ...(job !== undefined && { job: job.id }), status },
      });
    }
  }

  private async job(change: Change): Promise<void> {
    const { tenant, id } = change;
    const { state } = await this.deps.jobsOf.load(tenant, id);
    const { job, ended: counts, failures } = state;
    if (job === undefined) return;
    for (const { commit, event } of eventsOf<JobEvent>(change)) {
      if (event.type !== 'JobEnded') continue;
      const { status } = event.data;
      const [failed] = failures;
      const facts: Fact[] = Object.entries(counts).map(([name, count]) => ({ name, value: String(count) }));
      await this.tell(change, commit, 'job-ended', {
        subject: `${job.name ?? id} is ${status}`,
        summary: failed === undefined ? '' : `${failed.key} is ${failed.end}: ${failed.reason}`,
        facts: [{ name: 'Posted by', value: job.requester }, ...facts.filter(({ value }) => value !== '0')],
        ended: { job: id, status },
      });
    }
  }

  private async tell(change: Change, commit: Commit, event: EndEvent, told: Told): Promise<void> {
    const { tenant, id } = change;
    const notice = noticeOf({
      ...told,
      id: commitRef(commit.stream, commit.index),
      event,
      severity: told.ended.status === 'completed' ? 'low' : 'medium',
      at: commit.at,
      link: `${this.deps.publicUrl}/v1/${event === 'task-ended' ? 'tasks' : 'jobs'}/${id}`,
    });
    const { channelBook, deliveries } = this.deps;
    if (!channelBook.carries(tenant, notice)) return;
    await deliveries.notify(tenant, notice, ALL_GROUPS, causeOfPart(change, commit));
  }

  private isWanted({ stream }: Commit, event: EndEvent): boolean {
    return this.deps.channelBook.wants(parseStream(stream).tenant, event);
  }
}

function tasksEnd({ events }: Commit): boolean {
  return (events as readonly TaskEvent[]).some((event) => endOf(event) !== undefined);
}

function jobsEnd({ events }: Commit): boolean {
  return events.some(({ type }) => type === 'JobEnded');
}
