/**
 * `npm run demo -- --story frameworks`: one job whose tasks are done by agents of every framework, each in a process
 * and an environment of its own; a person, in a script, agrees to what one of them wants to do.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import path from 'node:path';
import Table from 'cli-table3';
import { Formicary, FormicaryError, type JobInput } from '../../client/client';
import { freePort, HostProcess } from '../demo/host-process';
import { readLog, Verification } from '../demo/log';

const ROOT = path.resolve(__dirname, '../../..');
const ENVIRONMENTS = path.join(ROOT, '.cache/frameworks');
const JOB = 'refund-4711';
const LOOK_EVERY_MS = 250;
/** What a job of a few seconds may take where the machine does much else. */
const WITHIN_MS = 300_000;
const PAID = { invoice: '4711', amount: 40 };

/** Each task, and the framework whose agent does it (`with_NAME.py`). */
const TASKS = [
  {
    framework: 'langgraph',
    task: { key: 'facts', task_type: 'story.facts', payload: { lines: [PAID, { invoice: '4712', amount: 7 }, PAID] } },
  },
  {
    framework: 'autogen',
    task: { key: 'rules', task_type: 'story.rules', payload: 'May what was paid twice be paid back?' },
  },
  {
    framework: 'agent_framework',
    task: {
      key: 'refund',
      task_type: 'story.refund',
      after: ['facts', 'rules'],
      payload: { facts: { $result: 'facts', pointer: '/twice/0' }, rules: { $result: 'rules' } },
    },
  },
  {
    framework: 'openai_agents',
    task: { key: 'letter', task_type: 'story.letter', after: ['refund'], payload: { done: { $result: 'refund' } } },
  },
  {
    framework: 'crewai',
    task: { key: 'review', task_type: 'story.review', after: ['letter'], payload: { letter: { $result: 'letter' } } },
  },
] as const;

type Say = (text: string) => void;

/** Does the job and shows what came of it. False when a task was not completed or a chain does not hold. */
export async function tellFrameworks(data: string, say: Say, onCleanup: (step: () => void) => void): Promise<boolean> {
  await makeEnvironments(say);
  const cast = TASKS.filter(({ framework }) => existsSync(path.join(ENVIRONMENTS, framework, 'wanted')));
  if (cast.length < TASKS.length) say('  without CrewAI, which brings a gigabyte: .ci/frameworks install crewai');

  const host = new HostProcess({ data, port: await freePort() });
  onCleanup(() => void host.kill());
  await host.start();
  const client = new Formicary({ url: host.url, credentials: { key: host.key }, principal: 'service:story' });
  onCleanup(() => client.close());
  const workers: ChildProcess[] = [];
  onCleanup(() => workers.forEach((worker) => worker.kill('SIGKILL')));
  for (const { framework } of cast) workers.push(await startWorker(framework, host, client));

  const tasks = cast.map(({ task }) => task) as unknown as JobInput['tasks'];
  await client.jobs.post({ id: JOB, name: 'An invoice was paid twice', tasks });
  const status = await ended(client, workers, say);

  const table = new Table({ head: ['task', 'agent', 'status', 'result'], style: { head: [], border: [] } });
  for await (const { key, id, agent = '', status: its } of client.jobs.tasks(JOB)) {
    const { completion } = await client.tasks.get(id);
    table.push([key, agent, its, JSON.stringify(completion?.result ?? null)]);
  }
  await Promise.all(workers.map(stopped));
  client.close();
  await host.stop();

  const log = new Verification();
  let commits = 0;
  for (const _ of log.over(readLog(data))) commits += 1;
  const here = path.relative(process.cwd(), data) || '.';
  process.stdout.write(
    `\n${table.toString()}\n\nThe job is ${status}. ${commits} receipts in ${log.streams} chains, ${log.verified ? 'all of which hold' : 'which do NOT hold'}. To look further:\n` +
      `  npx formicary why ${JOB} --data ${here}\n\n`,
  );
  return status === 'completed' && log.verified;
}

/** Those that are not there yet; CrewAI's only on demand. */
async function makeEnvironments(say: Say): Promise<void> {
  const wanted = TASKS.map(({ framework }) => framework).filter((framework) => framework !== 'crewai');
  say('  environments of the frameworks: made once, which takes minutes');
  const making = spawn(path.join(ROOT, '.ci/frameworks'), ['install', ...wanted], { stdio: ['ignore', 2, 2] });
  const [code] = (await once(making, 'exit')) as [number | null];
  if (code !== 0) throw new Error('the environments of the frameworks could not be made');
}

async function startWorker(framework: string, host: HostProcess, client: Formicary): Promise<ChildProcess> {
  const name = `${framework.replace('_', '-')}-1`;
  const { access_token: token } = await client.identity.issue({ subject: name });
  const log = openSync(host.log, 'a', 0o600);
  const program = path.join(ROOT, 'samples/frameworks', `with_${framework}.py`);
  const child = spawn(path.join(ENVIRONMENTS, framework, 'bin/python'), [program], {
    env: {
      ...process.env,
      FORMICARY_URL: host.url,
      FORMICARY_TOKEN: token,
      CREWAI_DISABLE_TELEMETRY: 'true',
      CREWAI_TRACING_ENABLED: 'false',
    },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  return child;
}

/** Waits for the end of the job; approves what is asked for meanwhile, as a person would who has read it. */
async function ended(client: Formicary, workers: readonly ChildProcess[], say: Say): Promise<string> {
  const grace = client.as('human:grace');
  for (const until = Date.now() + WITHIN_MS; ;) {
    const { status } = await client.jobs.get(JOB);
    if (!['running', 'cancelling', 'compensating'].includes(status)) return status;
    const dead = workers.find(({ exitCode }) => exitCode !== null);
    if (dead !== undefined) throw new Error(`a worker has ended: ${dead.spawnargs.at(-1)}`);
    if (Date.now() > until) throw new Error('the job did not end');
    for await (const { id, hash, kind, requester } of client.approvals.all({ status: 'waiting' })) {
      try {
        await grace.approvals.approve(id, { hash, reason: 'it was paid twice' });
        say(`  grace has approved what ${requester} asked for (${kind})`);
      } catch (error) {
        // The list is a little behind.
        if (!(error instanceof FormicaryError)) throw error;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

async function stopped(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null) return;
  const gone = once(worker, 'exit');
  worker.kill('SIGTERM');
  await gone;
}
