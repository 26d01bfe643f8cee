/** Long polls for the end of a task and of a job. */
import { taskIdOf } from '../../app/jobs/jobs';
import type { Process } from '../support/stage';
import { as, profile, Stage, TENANT, turns } from '../support/stage';
import { job, step } from './plans';

const PATIENT = { seconds: 60 };
const TIMES = { accept_seconds: 3_600, lease_seconds: 3_600 };
const FIRST = taskIdOf(TENANT, 'j', 'a');
const SECOND = taskIdOf(TENANT, 'j', 'b');

let stage: Stage;
afterEach(() => stage.end());

async function begin(options: { readonly shared?: boolean } = {}): Promise<void> {
  stage = new Stage(options);
  await stage.start();
  if (options.shared === true) await stage.start();
  await stage.colony.agents.register(as('ann'), 'ann', profile({ capacity: 5, presence_seconds: 3_600 }));
  await stage.settled();
  const two = job([step('a', [], TIMES), step('b', ['a'], TIMES)]);
  expect(await stage.colony.jobs.post(as('crm'), 'j', two)).toMatchObject({ ok: true });
  await stage.settled();
}

async function complete(id: string): Promise<void> {
  const { holder } = (await stage.colony.tasks.load(TENANT, id)).state;
  const claim = { agent: 'ann', award: holder?.award ?? 0 };
  expect(await stage.colony.tasks.completeAtOnce(as('ann'), id, claim, undefined)).toMatchObject({ ok: true });
  await stage.settled();
}

/** What somebody who waits has been answered with so far. */
function waiting<T extends { readonly state: { readonly status: string } }>(answer: Promise<T>) {
  const told: string[] = [];
  void answer.then(({ state }) => told.push(state.status));
  return { told, answer };
}

test.each([
  ['the process that ends it', false, (): Process => stage.first],
  ['another one', true, (): Process => stage.living[1] as Process],
])('whoever waits at %s is answered once it has ended, and not before', async (_, shared, at) => {
  await begin({ shared });
  const { taskEnds, jobEnds } = at().colony;
  const task = waiting(taskEnds.until(TENANT, FIRST, PATIENT));
  const whole = waiting(jobEnds.until(TENANT, 'j', PATIENT));
  await turns(20);
  expect([task.told, whole.told]).toEqual([[], []]);
  await complete(FIRST);
  expect((await task.answer).state.status).toBe('completed');
  await turns(20);
  expect(whole.told).toEqual([]);
  await complete(SECOND);
  expect((await whole.answer).state).toMatchObject({ status: 'completed', ended: { completed: 2 } });
});

test('nobody waits for what is over, or not there, or for longer than they like', async () => {
  await begin();
  const { taskEnds, jobEnds } = stage.colony;
  expect((await taskEnds.until(TENANT, 'none', PATIENT)).version).toBe(-1);
  expect((await jobEnds.until(TENANT, 'none', PATIENT)).version).toBe(-1);
  expect((await taskEnds.until(TENANT, FIRST, { seconds: 0 })).state.status).toBe('awarded');
  const gone = new AbortController();
  const waits = taskEnds.until(TENANT, FIRST, { ...PATIENT, signal: gone.signal });
  gone.abort();
  expect((await waits).state.status).toBe('awarded');
  await complete(FIRST);
  expect((await taskEnds.until(TENANT, FIRST, PATIENT)).state.status).toBe('completed');
});

test('a colony that stops lets nobody wait', async () => {
  await begin();
  const { taskEnds, jobEnds } = stage.colony;
  const waits = [taskEnds.until(TENANT, FIRST, PATIENT), jobEnds.until(TENANT, 'j', PATIENT)] as const;
  await turns(5);
  const stopping = stage.colony.stop();
  expect((await waits[0]).state.status).toBe('awarded');
  expect((await waits[1]).state.status).toBe('running');
  await stopping;
});
