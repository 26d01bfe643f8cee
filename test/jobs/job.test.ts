/** A job by its rules alone: what ends it, what is skipped, and what is told twice. */
import { cancel, jobDecider, type JobEvent, offered, post, type TaskEnd, taskEnded } from '../../domain/jobs/job';
import type { AskedJob, Graph } from '../../domain/jobs/plan';
import { given, GIVEN_TIME } from '../support/given';
import { graph, job, step } from './plans';

const posted = ({ tasks, on_failure, compensation }: Graph): JobEvent => ({
  type: 'JobPosted',
  v: 1,
  data: {
    requester: 'crm',
    plan_ref: `sha256:${'0'.repeat(64)}`,
    tasks: tasks.length,
    on_failure,
    ...(compensation !== undefined && { compensation }),
    posted_at: GIVEN_TIME,
  },
});
const ended = (of: Graph, key: string, end: TaskEnd = 'completed') => ({
  task: of.places.get(key) as number,
  key,
  end,
  ...(end === 'completed' ? {} : { reason: 'why' }),
});
const was = (of: Graph, key: string, end?: TaskEnd): JobEvent => ({
  type: 'JobTaskEnded',
  v: 1,
  data: ended(of, key, end),
});
const skipped = (...tasks: number[]): JobEvent => ({ type: 'JobTasksSkipped', v: 1, data: { tasks } });
const over = (status: 'completed' | 'failed' | 'cancelled' | 'compensated'): JobEvent => ({
  type: 'JobEnded',
  v: 1,
  data: { status },
});

/** The rules of a job that runs, and those of its tasks that have ended. */
function running(asked: AskedJob, ...ends: readonly (readonly [key: string, end?: TaskEnd])[]) {
  const of = graph(asked);
  const history = [posted(of), ...ends.map(([key, end]) => was(of, key, end))];
  return {
    of,
    history,
    told: (key: string, end?: TaskEnd) => given(jobDecider, history).when(taskEnded(of, ended(of, key, end))),
    cancelled: () => given(jobDecider, history).when(cancel(of, 'ada', 'enough')),
    offers: (...keys: string[]) =>
      given(jobDecider, history).thenState((state) =>
        expect(offered(state, of).map((place) => of.tasks[place]?.key)).toEqual(keys),
      ),
  };
}

const DIAMOND = job([step('a'), step('b', ['a']), step('c', ['a']), step('d', ['b', 'c'])]);

test('what needs nothing is offered at once, the rest when what it needs is there', () => {
  running(DIAMOND).offers('a');
  running(DIAMOND, ['a']).offers('b', 'c');
  running(DIAMOND, ['a'], ['b']).offers('c');
  running(DIAMOND, ['a'], ['b'], ['c']).offers('d');
});

test('any of what it comes after is enough where it says so', () => {
  const race = job([step('a'), step('b'), step('c', ['a', 'b'], { when: 'any' })]);
  running(race, ['b']).offers('a', 'c');
});

test('it is completed with its last task', () => {
  const { of, told } = running(DIAMOND, ['a'], ['b'], ['c']);
  told('d')
    .then([was(of, 'd'), over('completed')])
    .thenRepeatedNothing();
});

test('what is told again, or otherwise, changes nothing: the first end stands', () => {
  const { told } = running(DIAMOND, ['a'], ['b']);
  told('b').thenNothing();
  told('b', 'dead').thenNothing();
});

test('a job, and what is not there', () => {
  const { of } = running(DIAMOND);
  const { type: _, ...rest } = posted(of);
  const { posted_at, ...what } = rest.data as Extract<JobEvent, { type: 'JobPosted' }>['data'];
  given(jobDecider, [])
    .when(post(what, posted_at))
    .then([posted(of)]);
  given(jobDecider, [posted(of)])
    .when(post(what, posted_at))
    .thenRejected('job-exists');
  given(jobDecider, [])
    .when(cancel(of, 'ada', 'x'))
    .thenRejected('job-not-found');
  given(jobDecider, [])
    .when(taskEnded(of, ended(of, 'a')))
    .thenRejected('job-not-found');
});

describe('when one fails', () => {
  test('all others end: what was not offered is skipped, what was is cancelled', () => {
    const { of, told, history } = running(DIAMOND, ['a']);
    const failed: JobEvent = { type: 'JobFailed', v: 1, data: { key: 'b', reason: 'why' } };
    told('b', 'dead').then([was(of, 'b', 'dead'), skipped(3), failed]);
    const after = [...history, was(of, 'b', 'dead'), skipped(3), failed];
    given(jobDecider, after).thenState((state) => expect(offered(state, of)).toEqual([2]));
    // One that was completed all the same is counted, and makes nothing ready.
    given(jobDecider, after)
      .when(taskEnded(of, ended(of, 'c')))
      .then([was(of, 'c'), over('failed')]);
  });

  test('those go on that do not need it, and what needs it is skipped, however far it is', () => {
    const tasks = [
      ...[step('a'), step('b'), step('c', ['a']), step('d', ['c', 'b'])],
      ...[step('e', ['a', 'b'], { when: 'any' }), step('f', ['d', 'c'], { when: 'any' })],
    ];
    const { of, told } = running(job(tasks, { on_failure: 'continue' }));
    told('a', 'expired').then([was(of, 'a', 'expired'), skipped(2, 3, 5)]);
    const one = running(job([step('a'), step('b', ['a'])], { on_failure: 'continue' }));
    one.told('a', 'cancelled').then([was(one.of, 'a', 'cancelled'), skipped(1), over('failed')]);
  });

  test('the rest is cancelled, and then one makes good what was done', () => {
    const asked = job([step('a'), step('b', ['a']), step('undo')], { on_failure: 'compensate', compensation: 'undo' });
    const { of, told, history, offers } = running(asked, ['a']);
    offers('b');
    const failed: JobEvent = { type: 'JobFailed', v: 1, data: { key: 'b', reason: 'why' } };
    const makesGood: JobEvent = { type: 'JobCompensating', v: 1, data: { key: 'undo' } };
    told('b', 'dead').then([was(of, 'b', 'dead'), failed, makesGood]);
    const after = [...history, was(of, 'b', 'dead'), failed, makesGood];
    given(jobDecider, after).thenState((state) => expect(offered(state, of)).toEqual([2]));
    const undone = (end?: TaskEnd) => given(jobDecider, after).when(taskEnded(of, ended(of, 'undo', end)));
    undone().then([was(of, 'undo'), over('compensated')]);
    undone('dead').then([was(of, 'undo', 'dead'), over('failed')]);
    const stopped: JobEvent = { type: 'JobCancelled', v: 1, data: { by: 'ada', reason: 'enough' } };
    given(jobDecider, after)
      .when(cancel(of, 'ada', 'enough'))
      .then([stopped])
      .thenRepeatedNothing();
    given(jobDecider, [...after, stopped])
      .when(taskEnded(of, ended(of, 'undo', 'cancelled')))
      .then([was(of, 'undo', 'cancelled'), over('cancelled')]);
  });

  test('nothing is made good of what was completed', () => {
    const asked = job([step('a'), step('undo')], { on_failure: 'compensate', compensation: 'undo' });
    const { of, told } = running(asked);
    told('a').then([was(of, 'a'), over('completed')]);
  });
});

describe('cancelled', () => {
  test('it ends when what was posted has', () => {
    const { of, cancelled, history } = running(DIAMOND, ['a']);
    const stopped: JobEvent = { type: 'JobCancelled', v: 1, data: { by: 'ada', reason: 'enough' } };
    cancelled()
      .then([skipped(3), stopped])
      .thenRepeatedNothing();
    given(jobDecider, [...history, skipped(3), stopped, was(of, 'b', 'cancelled')])
      .when(taskEnded(of, ended(of, 'c', 'cancelled')))
      .then([was(of, 'c', 'cancelled'), over('cancelled')]);
  });

  test('it is not once it has ended', () => {
    const { of, history } = running(DIAMOND, ['a'], ['b'], ['c'], ['d']);
    given(jobDecider, [...history, over('completed')])
      .when(cancel(of, 'ada', 'x'))
      .thenRejected('job-over');
  });
});
