/** `ListTasks`: the tasks of the caller's tenant, those first that have changed last. */
import type { TaskSummary } from '../../../contract/market/tasks';
import type { Shown } from '../../../contract/route';
import { known, told } from './agent';
import { A2aError, wrong } from './errors';
import { checkTenant, ListInput, read } from './messages';
import { ask, type Peer } from './peer';
import { type A2aTask, isTerminal, listedTaskOf, statusesOf } from './tasks';

type Listed = Shown<typeof TaskSummary>;

/** Tasks that are looked through for one page. In the order of their changes there is no list, so they are put so. */
const MAX_SEEN = 5_000;
const READ = 1_000;
const PAGE = 50;
/** Bytes, about, of what tasks came to and began with on one page: what is beyond them begins the next. */
const PAGE_BYTES = 4_000_000;
/** Tasks that are read at once for what a list does not have. */
const AT_ONCE = 5;

/** `ListTasksResponse` of the protocol. */
export interface TaskPage {
  readonly tasks: readonly A2aTask[];
  readonly nextPageToken: string;
  readonly pageSize: number;
  readonly totalSize: number;
}

/** @throws {A2aError | Problem} where it is refused, or there are too many to be put in order */
export async function listTasks(peer: Peer, params: unknown): Promise<TaskPage> {
  const asked = read(ListInput, params);
  checkTenant(asked.tenant, peer.caller.tenant);
  const { contextId, status, statusTimestampAfter: after, pageSize = PAGE } = asked;
  const rows = (await Promise.all(statusesOf(status).map((one) => rowsOf(peer, contextId, one)))).flat();
  if (rows.length > MAX_SEEN)
    throw new A2aError('UNSUPPORTED_OPERATION', `There are more than ${MAX_SEEN} tasks: name a contextId or a status.`);
  const all = rows
    .map(listedTaskOf)
    .filter((task) => (status === undefined || task.status.state === status) && (after ?? '') <= task.status.timestamp)
    .sort(inOrder);
  const place = asked.pageToken === undefined ? undefined : placeOf(asked.pageToken);
  const rest = place === undefined ? all : all.filter((task) => inOrder(place, task) < 0);
  const tasks = await withMore(peer, rest.slice(0, pageSize), asked);
  const last = tasks.at(-1);
  return {
    tasks,
    nextPageToken: last === undefined || rest.length === tasks.length ? '' : tokenOf(last),
    pageSize,
    totalSize: all.length,
  };
}

/** The rows of all pages, and no further than is looked through. */
async function rowsOf(
  peer: Peer,
  correlation_id: string | undefined,
  status: Listed['status'] | undefined,
): Promise<Listed[]> {
  const rows: Listed[] = [];
  let continuation: string | null | undefined;
  do {
    const { value, nextLink } = await ask<{ readonly value: readonly Listed[]; readonly nextLink?: string }>(
      peer,
      'listTasks',
      {
        limit: READ,
        ...(correlation_id !== undefined && { correlation_id }),
        ...(status !== undefined && { status }),
        ...(continuation != null && { continuation }),
      },
    );
    rows.push(...value);
    continuation = nextLink && new URL(nextLink, peer.url).searchParams.get('continuation');
  } while (continuation && rows.length <= MAX_SEEN);
  return rows;
}

/**
 * What a task came to, and the message with which it began, where somebody asks for them: each is read for itself.
 * Fewer than are on the page, where they are large.
 */
async function withMore(
  peer: Peer,
  page: readonly A2aTask[],
  {
    historyLength = 0,
    includeArtifacts = false,
  }: { readonly historyLength?: number; readonly includeArtifacts?: boolean },
): Promise<A2aTask[]> {
  const whole: A2aTask[] = [];
  let bytes = 0;
  for (let i = 0; i < page.length && bytes < PAGE_BYTES; i += AT_ONCE) {
    const more = await Promise.all(
      page.slice(i, i + AT_ONCE).map(async (task) => {
        const isNeeded = historyLength > 0 || (includeArtifacts && isTerminal(task));
        const { artifacts = [], history } = isNeeded ? await told(peer, task.id, await known(peer, task.id)) : task;
        return { ...task, ...(includeArtifacts && { artifacts }), ...(historyLength > 0 && history && { history }) };
      }),
    );
    for (const { artifacts, history } of more) bytes += JSON.stringify([artifacts, history]).length;
    whole.push(...more);
  }
  return whole;
}

type Place = Pick<A2aTask, 'id'> & { readonly status: Pick<A2aTask['status'], 'timestamp'> };

/** Those first that have changed last; of one time in the order of their ids. */
function inOrder(a: Place, b: Place): number {
  if (a.status.timestamp !== b.status.timestamp) return a.status.timestamp < b.status.timestamp ? 1 : -1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function tokenOf({ id, status }: Place): string {
  return Buffer.from(JSON.stringify([status.timestamp, id])).toString('base64url');
}

function placeOf(token: string): Place {
  try {
    const [timestamp, id] = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as unknown[];
    if (typeof timestamp === 'string' && typeof id === 'string') return { id, status: { timestamp } };
  } catch {
    // Told below.
  }
  throw wrong('pageToken', 'must be one of an earlier answer');
}
