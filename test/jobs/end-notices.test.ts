/** Who is told of the ends of tasks and jobs, and how often. */
import { taskIdOf } from '../../app/jobs/jobs';
import type { Channel } from '../../domain/notices/channel';
import { as, NO_TOOLS, profile, spec, Stage, type StageOptions, TENANT } from '../support/stage';
import { job, step } from './plans';

const ADA = { principal: { tenant: TENANT, id: 'human:ada', kind: 'human', level: 'critical' } } as const;
const TIMES = { accept_seconds: 3_600, lease_seconds: 3_600 };
const HOOK: Channel = {
  kind: 'cloudevents',
  address: 'https://crm.example/ends',
  secret: 'env:CRM',
  groups: ['*'],
  events: ['task-ended', 'job-ended'],
};

interface Posted {
  readonly id: string;
  readonly contentType: string | undefined;
  readonly body: { readonly type: string; readonly data: Readonly<Record<string, unknown>> };
}

let stage: Stage;
let posted: Posted[];
afterEach(() => stage.end());

async function begin(options?: StageOptions): Promise<void> {
  stage = new Stage(options);
  posted = [];
  stage.outbound = {
    webhooks: {
      post: async ({ headers, body }) => {
        posted.push({
          id: headers['webhook-id'] as string,
          contentType: headers['content-type'],
          body: JSON.parse(body) as Posted['body'],
        });
        return { status: 204 };
      },
    },
    mail: undefined,
    secrets: { get: async () => `whsec_${Buffer.alloc(32, 7).toString('base64')}` },
    tools: NO_TOOLS,
  };
  await stage.start();
  await stage.colony.agents.register(as('ann'), 'ann', profile({ capacity: 5, presence_seconds: 86_400 }));
  await stage.settled();
}

async function channel(id: string, changes: Partial<Channel> = {}): Promise<void> {
  expect(await stage.colony.channels.set(ADA, id, { ...HOOK, ...changes })).toMatchObject({ ok: true });
  await stage.settled();
}

async function complete(id: string): Promise<void> {
  const { holder } = (await stage.colony.tasks.load(TENANT, id)).state;
  const claim = { agent: 'ann', award: holder?.award ?? 0 };
  expect(await stage.colony.tasks.completeAtOnce(as('ann'), id, claim, undefined)).toMatchObject({ ok: true });
  await stage.settled();
}

/** Posts a job of two tasks and a task beside it, and ends all of them. */
async function work(): Promise<void> {
  const two = job([step('a', [], TIMES), step('b', ['a'], { ...TIMES, task_type: 'audit' })]);
  await stage.colony.jobs.post(as('crm'), 'j', two, { name: 'Close November' });
  await stage.colony.tasks.post(as('crm'), 'alone', { ...spec(TIMES), requester: 'crm' });
  await stage.settled();
  for (const id of [taskIdOf(TENANT, 'j', 'a'), taskIdOf(TENANT, 'j', 'b'), 'alone']) await complete(id);
  await stage.pass(10);
  await stage.colony.deliveries.settled();
}

const told = () => posted.map(({ body: { data } }) => [data['task'] ?? data['job'], data['status']]).sort();
const A = taskIdOf(TENANT, 'j', 'a');
const B = taskIdOf(TENANT, 'j', 'b');

test('each end is told once, as a CloudEvent under the id of its receipt, whatever is delivered again', async () => {
  await begin();
  await channel('crm');
  await work();
  expect(told()).toEqual([
    ['alone', 'completed'],
    ['j', 'completed'],
    ...[A, B].toSorted().map((id) => [id, 'completed']),
  ]);
  const whole = posted.find(({ body: { data } }) => data['task'] === undefined);
  expect(whole).toMatchObject({
    contentType: 'application/cloudevents+json',
    body: {
      specversion: '1.0',
      id: expect.stringMatching(/^acme\/job\/j@\d+$/),
      source: '/acme',
      type: 'formicary.notice.job-ended.v1',
      data: { job: 'j', status: 'completed', title: 'A job has ended: Close November is completed' },
    },
  });
  const before = stage.log().length;
  await stage.colony.endNotices.handle(stage.log());
  await stage.pass(60);
  expect([posted.length, stage.log().length]).toEqual([4, before]);
});

test.each<[string, Partial<Channel>, string[]]>([
  ['a job', { events: ['job-ended'] }, ['j']],
  ['a job with its tasks', { ends_of: { jobs: ['j'] } }, ['j', A, B]],
  ['a task', { ends_of: { tasks: ['alone'] } }, ['alone']],
  ['a type of tasks', { ends_of: { task_types: ['audit'] } }, [B]],
  ['nothing, where it does not reach all groups', { groups: ['leads'] }, []],
  ['nothing, where it wants to know of other things', { events: ['round-escalated'] }, []],
])('a channel is told of the ends of %s', async (_, changes, ends) => {
  await begin();
  await channel('crm', changes);
  await work();
  expect(told().map(([what]) => what)).toEqual(ends.toSorted());
});

test('a channel that was set before the process began is known, and one that was removed is told of nothing', async () => {
  await begin();
  await channel('crm', { events: ['job-ended'] });
  await channel('gone');
  await stage.colony.channels.remove(ADA, 'gone');
  stage.first.kill();
  await stage.start();
  await stage.settled();
  await work();
  expect(told()).toEqual([['j', 'completed']]);
});

test('where nobody wants to know, nothing is read and nothing is written', async () => {
  await begin();
  await channel('crm', { events: ['approval-requested'] });
  await work();
  expect(posted).toEqual([]);
  expect(stage.streams('delivery')).toEqual([]);
});

test('a channel is told of no end that was before it, though the log is read anew', async () => {
  await begin();
  await stage.colony.tasks.post(as('crm'), 'old', spec(TIMES));
  await stage.settled();
  await complete('old');
  await stage.pass(5);
  await channel('crm');
  await stage.colony.tasks.post(as('crm'), 'new', spec(TIMES));
  await stage.settled();
  await complete('new');
  await stage.colony.deliver('reactions', stage.log());
  await stage.pass(20);
  await stage.colony.deliveries.settled();
  expect(told()).toEqual([['new', 'completed']]);
});

test('a channel whose row was not there yet when a process started is heard of all the same', async () => {
  await begin();
  await stage.colony.channels.set(ADA, 'crm', HOOK);
  stage.first.kill();
  stage.mishaps = (port, method) => (port === 'views' && method === 'put' ? 'fails' : undefined);
  await stage.start();
  stage.mishaps = () => undefined;
  await stage.pass(10);
  await stage.redeliver();
  await work();
  expect(told()).toHaveLength(4);
});
