/** DBOS, durable workflows in a library, on a PostgreSQL with the settings it has by default: each commit is synced. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { freePort } from '../samples/demo/host-process';
import { specOf } from './colony';
import { pause } from './measure';
import { listens, type PeerJobs, type Skipped } from './peer';

/** What a task has here, and a workflow there has not. */
export const NOT_IN_DBOS = [
  'bids, and a choice among agents by capability, load and success',
  'agents in other processes that are asked (its steps are functions of the process that runs the workflow)',
  'fencing of a late result, leases and heartbeats',
  'receipts: who decided what and why, hashed and chained',
] as const;

const CONCURRENCY = 64;
/** As often as its queues may look for work, of a second that is their default. */
const POLL_MS = 10;
const CONNECTIONS = 32;
const ENQUEUED_AT_ONCE = 32;
const RUN_WITHIN_MS = 120_000;
const READY_WITHIN_MS = 20_000;
const COMPLETED = "SELECT count(*)::int AS count FROM dbos.workflow_status WHERE status = 'SUCCESS'";

/** Of DBOS's interface, what is used here. */
interface Dbos {
  setConfig(config: object): void;
  launch(): Promise<void>;
  shutdown(): Promise<void>;
  registerQueue(name: string, options: object): Promise<unknown>;
  registerWorkflow<A extends unknown[], R>(work: (...of: A) => Promise<R>, config: object): (...of: A) => Promise<R>;
  runStep<R>(step: () => Promise<R>): Promise<R>;
  startWorkflow<A extends unknown[], R>(
    work: (...of: A) => Promise<R>,
    options: object,
  ): (...of: A) => Promise<unknown>;
}

/** Of the interface of `pg`, which comes with it. */
interface Pg {
  readonly Client: new (options: object) => PgClient;
}

interface PgClient {
  connect(): Promise<unknown>;
  query(sql: string): Promise<{ readonly rows: readonly { readonly count: number }[] }>;
  end(): Promise<void>;
}

export interface DbosPeer {
  readonly dbos: Dbos;
  readonly pg: Pg;
  /** Folder of PostgreSQL's programs. */
  readonly bin: string;
  /** Who runs them: they refuse to run as root. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
}

/** DBOS, as it was installed below `packages`, and PostgreSQL. */
export function findDbos(packages: string): DbosPeer | Skipped {
  const bin = findPostgres();
  if (bin === undefined) return { skipped: 'there is no PostgreSQL: install it (on Debian the package postgresql)' };
  if (!existsSync(path.join(packages, 'node_modules/@dbos-inc/dbos-sdk')))
    return { skipped: `DBOS is not installed: npm install --prefix ${packages} @dbos-inc/dbos-sdk@5.3.0` };
  const user = process.getuid?.() === 0 ? idsOf('postgres') : undefined;
  if (user === null) return { skipped: 'PostgreSQL does not run as root, and there is no user postgres' };
  const load = createRequire(path.join(packages, 'package.json'));
  const { DBOS: dbos } = load('@dbos-inc/dbos-sdk') as { DBOS: Dbos };
  return { dbos, pg: load('pg') as Pg, bin, user };
}

function findPostgres(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const folders = existsSync(debian) ? readdirSync(debian).map((version) => path.join(debian, version, 'bin')) : [];
  return [...(process.env.PATH ?? '').split(path.delimiter), ...folders].find((folder) =>
    existsSync(path.join(folder, 'initdb')),
  );
}

function idsOf(name: string): { uid: number; gid: number } | null {
  const [uid, gid] = ['-u', '-g'].map((which) => {
    const { status, stdout } = spawnSync('id', [which, name], { encoding: 'utf8' });
    return status === 0 ? Number(stdout) : undefined;
  });
  return uid === undefined || gid === undefined ? null : { uid, gid };
}

/** Workflows of one step, a second. */
export async function ofDbos({ dbos, pg, bin, user }: DbosPeer, data: string, jobs: PeerJobs): Promise<number> {
  mkdirSync(data, { recursive: true });
  if (user !== undefined) chownSync(data, user.uid, user.gid);
  const port = await freePort();
  const postgres = await startPostgres(bin, data, port, user);
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`;
  let client: PgClient | undefined;
  try {
    client = await connected(pg, url);
    dbos.setConfig({ name: 'peer', systemDatabaseUrl: url, systemDatabasePoolSize: CONNECTIONS, logLevel: 'error' });
    const work = workOf(dbos);
    await dbos.launch();
    await dbos.registerQueue('work', { workerConcurrency: CONCURRENCY, minPollingIntervalMs: POLL_MS });
    await drained(dbos, work, client, jobs.warmUp);
    return await drained(dbos, work, client, jobs.tasks);
  } finally {
    await dbos.shutdown();
    await client?.end();
    const ended = once(postgres, 'exit');
    // As PostgreSQL reads it: end now, in order.
    postgres.kill('SIGINT');
    await ended;
    rmSync(data, { recursive: true, force: true });
  }
}

type Work = (spec: unknown) => Promise<unknown>;
let registered: Work | undefined;

/** A process registers a workflow once. */
function workOf(dbos: Dbos): Work {
  return (registered ??= dbos.registerWorkflow((_: unknown) => dbos.runStep(async () => ({ ok: true })), {
    name: 'work',
  }));
}

/** Workflows are enqueued while this process runs them; done is what the database shows as done. Workflows a second. */
async function drained(dbos: Dbos, work: Work, client: PgClient, jobs: number): Promise<number> {
  const completed = async (): Promise<number> => (await client.query(COMPLETED)).rows[0]?.count ?? 0;
  const before = await completed();
  const started = performance.now();
  let next = 0;
  const enqueue = async (): Promise<void> => {
    while (next < jobs) {
      const n = next++;
      await dbos.startWorkflow(work, { queueName: 'work' })(specOf(n));
    }
  };
  await Promise.all(Array.from({ length: ENQUEUED_AT_ONCE }, enqueue));
  for (const until = started + RUN_WITHIN_MS; ; await pause(20)) {
    const left = jobs - ((await completed()) - before);
    if (left === 0) return jobs / ((performance.now() - started) / 1_000);
    if (performance.now() > until) throw new Error(`${left} workflows of DBOS are not completed`);
  }
}

async function startPostgres(bin: string, data: string, port: number, user: DbosPeer['user']): Promise<ChildProcess> {
  const store = path.join(data, 'store');
  const options = { ...user, cwd: data };
  const made = spawnSync(path.join(bin, 'initdb'), ['-D', store, '-U', 'postgres', '-A', 'trust'], options);
  if (made.status !== 0) throw new Error(`initdb: ${made.error?.message ?? String(made.stderr)}`);
  const settings = [`listen_addresses=127.0.0.1`, `port=${port}`, `unix_socket_directories=`, 'max_connections=100'];
  const args = ['-D', store, ...settings.flatMap((setting) => ['-c', setting])];
  const postgres = spawn(path.join(bin, 'postgres'), args, { ...options, stdio: 'ignore' });
  await listens(postgres, 'PostgreSQL', port);
  return postgres;
}

/** Listening, it still refuses while it starts. */
async function connected(pg: Pg, url: string): Promise<PgClient> {
  for (const until = performance.now() + READY_WITHIN_MS; ; await pause(50)) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (performance.now() > until) throw error;
    }
  }
}
