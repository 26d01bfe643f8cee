/** What an operator does with tasks, the feed and notices: cancel, redrive, rebuild. */
import { type Consumer, type Formicary, FormicaryError, type TaskSummary } from '../../client/client';
import { CONSUMERS } from '../../domain/kernel/consumers';
import { firstOf } from '../lists';
import {
  ago,
  bad,
  bold,
  call,
  type Context,
  count,
  dim,
  good,
  percent,
  print,
  printJson,
  printTable,
  said,
  shown,
  timeOf,
  UsageError,
} from '../terminal';

/** Cancels a task. */
export async function cancel(
  { client, json }: Context,
  { task, reason }: { task: string; reason?: string },
): Promise<void> {
  const answer = await client.tasks.cancel(task, reason);
  if (json) return printJson(answer);
  print(`${bold(said(task))} is ${answer.task.status}.`);
}

export interface RedriveInput {
  readonly tasks: readonly string[];
  readonly type?: string;
  readonly all?: boolean;
  readonly deadline?: string;
}

/** Brings dead and expired tasks back: those that are named, all of a type, or all. */
export async function redrive(context: Context, { tasks, type, all, deadline }: RedriveInput): Promise<void> {
  const { client, json } = context;
  if ((tasks.length > 0 ? 1 : 0) + (type === undefined ? 0 : 1) + (all === true ? 1 : 0) !== 1) {
    throw new UsageError(
      'give TASKS, or --type TYPE, or --all',
      `${call()} tasks --status dead shows what could be brought back.`,
    );
  }
  const until = deadline === undefined ? undefined : timeOf(deadline, 1);
  async function* wanted(): AsyncGenerator<{ readonly task: string }> {
    for await (const task of tasks.length > 0 ? tasks : ended(context, type)) yield { task };
  }
  const { results, failed } = await redriveEach(context, wanted(), ({ task }) =>
    client.tasks.redrive(task, { deadline: until }),
  );
  if (json) return printJson(results);
  for (const { task, problem } of failed) print(`${bad('not redriven')} ${bold(said(task))}: ${said(problem ?? '')}`);
  print(
    results.length === 0
      ? 'There is nothing to redrive: no task is dead or expired.'
      : `${count(results.length - failed.length, 'task')} redriven.`,
  );
}

type Redriven<T> = T & { readonly redriven: boolean; readonly problem?: string };

/**
 * Redrives one after the other. One that is refused does not keep the others from their turn; the command ends with 1
 * then. Throws when no host answers.
 */
async function redriveEach<T extends object>(
  context: Context,
  wanted: Iterable<T> | AsyncIterable<T>,
  redriveOne: (one: T) => Promise<unknown>,
): Promise<{ results: Redriven<T>[]; failed: Redriven<T>[] }> {
  const results: Redriven<T>[] = [];
  for await (const one of wanted) {
    try {
      await redriveOne(one);
      results.push({ ...one, redriven: true });
    } catch (error) {
      if (!(error instanceof FormicaryError) || error.status === 0) throw error;
      results.push({ ...one, redriven: false, problem: error.problem.detail });
    }
  }
  const failed = results.filter(({ redriven }) => !redriven);
  if (failed.length > 0) context.foundWrong();
  return { results, failed };
}

/**
 * Ids of the tasks that could be brought back. They are listed before the first is redriven: that takes it off the
 * list.
 */
async function* ended({ client }: Context, type: string | undefined): AsyncGenerator<string> {
  const found: TaskSummary[] = [];
  for (const status of ['dead', 'expired'] as const)
    for await (const task of client.tasks.all({ status, task_type: type })) found.push(task);
  for (const { id } of found) yield id;
}

/** Shows what consumers of the feed, and the intake of signals, have given up on, or has it tried again. */
export async function parked(
  context: Context,
  { consumer, redrive: id, redriveAll }: { consumer?: Consumer; redrive?: string; redriveAll?: boolean },
): Promise<void> {
  const { client, json } = context;
  const found = [];
  for (const one of consumer === undefined ? CONSUMERS : [consumer])
    for await (const item of client.operation.allParked(one)) found.push({ consumer: one, ...item });
  if (id !== undefined) {
    // Whoever copies the id from the list need not copy the consumer: an id that several have parked is tried again by
    // each.
    const named = found.filter((item) => item.id === id).map((item) => item.consumer);
    if (named.length === 0) throw new UsageError(`${id} is not parked`, `${call()} parked shows what is, and why.`);
    for (const one of named) await client.operation.redrive(one, id);
    return json
      ? printJson(named.map((one) => ({ consumer: one, id })))
      : print(`${said(id)} is tried again by ${named.join(' and ')}.`);
  }
  if (redriveAll === true) return await redriveParked(context, found);
  if (json) return printJson(found);
  printTable(
    ['CONSUMER', 'ID', 'TRIED', 'WHY'],
    found.map(({ consumer: of, id: each, deliveries, reason, body }) => [
      of,
      bold(said(each)),
      deliveries,
      said('error' in body ? body.error : reason),
    ]),
    ['TRIED'],
    'Nothing is parked: every consumer has handled what it was given.',
  );
}

/**
 * Has all of them tried again. What stays parked keeps nothing else waiting; it is told, and the command ends with 1.
 */
async function redriveParked(
  context: Context,
  found: readonly { readonly consumer: Consumer; readonly id: string }[],
): Promise<void> {
  const { client, json } = context;
  const named = found.map(({ consumer, id }) => ({ consumer, id }));
  const { results, failed } = await redriveEach(context, named, ({ consumer, id }) =>
    client.operation.redrive(consumer, id),
  );
  if (json) return printJson(results);
  for (const { consumer, id, problem } of failed)
    print(`${bad('still parked')} ${bold(said(id))} by ${consumer}: ${said(problem ?? '')}`);
  print(`${count(results.length - failed.length, 'commit')} tried again.`);
}

/** Builds a view anew beside the one that serves. */
export async function rebuild({ client, json }: Context, { view }: { view: string }): Promise<void> {
  const answer = await client.operation.rebuildView(view);
  if (json) return printJson(answer);
  print(
    `${bold(said(answer.view))} is built anew; ${said(answer.serving)} serves meanwhile. \`${call()} status\` shows how far it is.`,
  );
}

/** Shows notices that were given up, or tries one again. */
export async function deliveries({ client, json }: Context, { redrive: id }: { redrive?: string }): Promise<void> {
  if (id !== undefined) {
    const answer = await client.deliveries.redrive(id);
    return json ? printJson(answer) : print(`${bold(said(id))} is tried again.`);
  }
  const { rows } = await firstOf(client.deliveries.dead(), Infinity);
  if (json) return printJson(rows);
  printTable(
    ['DELIVERY', 'CHANNEL', 'TRIED', 'SINCE', 'WHY', 'NOTICE'],
    rows.map(({ delivery_id, channel_id, attempts, since, failure, title }) => [
      bold(said(delivery_id)),
      said(channel_id),
      attempts,
      ago(since),
      said(failure?.reason ?? '–'),
      said(title),
    ]),
    ['TRIED'],
    'Every notice has reached whom it was for, or is still tried.',
  );
}

/** Shows the channels by which people are reached. */
export async function channels({ client, json }: Context): Promise<void> {
  const { rows } = await firstOf(client.channels.all(), Infinity);
  if (json) return printJson(rows);
  printTable(
    ['CHANNEL', 'KIND', 'ADDRESS', 'GROUPS', 'EVENTS'],
    rows.map(({ channel_id, kind, address, groups, events }) => [
      bold(said(channel_id)),
      kind,
      said(address),
      said(groups.join(', ')),
      events.join(', '),
    ]),
    [],
    'There is no channel: nobody is told of anything. PUT /v1/channels/{id} makes one.',
  );
}

/** Shows how loaded the pools are, or one of them over time. */
export async function pools(
  { client, json }: Context,
  { pool, minutes }: { pool?: string; minutes: number },
): Promise<void> {
  if (pool !== undefined) {
    const history = await client.pools.history(pool, { from: new Date(Date.now() - minutes * 60_000).toISOString() });
    if (json) return printJson(history);
    return printTable(
      ['WHEN', 'AGENTS', 'SLOTS', 'CAPACITY', 'WAITING', 'GINI', 'UTILISATION', 'IDLE'],
      history.map(({ at, agents, slots, capacity, waiting, gini, utilisation, idle }) => [
        ago(at),
        agents,
        shown(slots),
        capacity,
        waiting,
        gini.toFixed(3),
        percent(utilisation),
        percent(idle),
      ]),
      ['AGENTS', 'SLOTS', 'CAPACITY', 'WAITING', 'GINI', 'UTILISATION', 'IDLE'],
      `Nothing is known of ${said(pool)} in this time.`,
    );
  }
  const found = await client.pools.list();
  if (json) return printJson(found);
  printTable(
    ['POOL', 'STATUS', 'AGENTS', 'SLOTS', 'WAITING', 'GINI', 'UTILISATION', 'IDLE'],
    found.map(({ pool: name, status, sample, meets }) => [
      bold(said(name)),
      status === 'balanced' ? good(status) : bad(status),
      sample.agents,
      `${sample.slots}/${sample.capacity}`,
      sample.waiting,
      meets.gini ? sample.gini.toFixed(3) : bad(sample.gini.toFixed(3)),
      percent(sample.utilisation),
      percent(sample.idle),
    ]),
    ['AGENTS', 'SLOTS', 'WAITING', 'GINI', 'UTILISATION', 'IDLE'],
    'There is no pool: no agent is registered.',
  );
}

/** Prints a task's payload or result that is kept apart because it is large. */
export async function blob({ client }: Context, { task, which }: { task: string; which: string }): Promise<void> {
  const found = await client.tasks.get(task);
  const named: Readonly<Record<string, string | undefined>> = {
    payload: found.payload_ref,
    result: found.completion?.result_ref,
  };
  const reference = which.startsWith('sha256:') ? which : named[which];
  if (reference === undefined)
    throw new UsageError(`${task} has no ${which} that is kept apart`, `${call()} tasks ${task} shows what it has.`);
  printJson(await client.tasks.blob(task, reference));
}

// --------------------------------------------------------------------------------------------------------- pauses

type Kind = 'task_type' | 'pool' | 'agent';
const KINDS: Readonly<Record<string, Kind>> = { type: 'task_type', pool: 'pool', agent: 'agent' };
const WORDS: Readonly<Record<Kind, string>> = { task_type: 'type', pool: 'pool', agent: 'agent' };

/** Pauses a type of task, or a pool. */
export async function pause(
  { client, json }: Context,
  { kind, name, reason }: { kind: string; name: string; reason: string },
): Promise<void> {
  const answer = await client.pauses.pause(KINDS[kind] as Kind, name, reason);
  if (json) return printJson(answer);
  print(`${kind} ${bold(said(name))} is paused. \`${call()} resume ${kind} ${said(name)}\` ends that.`);
}

/** Ends a pause. */
export async function resume({ client, json }: Context, { kind, name }: { kind: string; name: string }): Promise<void> {
  const answer = await client.pauses.resume(KINDS[kind] as Kind, name);
  if (json) return printJson(answer);
  print(
    answer.receipt.events.length === 0
      ? `${kind} ${bold(said(name))} was not paused.`
      : `${kind} ${bold(said(name))} goes on.`,
  );
}

/** Shows what is paused. */
export async function paused({ client, json }: Context): Promise<void> {
  const found = await client.pauses.list();
  if (json) return printJson(found);
  printTable(
    ['WHAT', 'NAME', 'SINCE', 'BY', 'REASON'],
    found.map(({ kind, name, since, by, reason }) => [
      WORDS[kind],
      bold(said(name)),
      ago(since),
      said(by),
      said(reason),
    ]),
    [],
    'Nothing is paused.',
  );
}

export interface DrainInput {
  readonly kind: string;
  readonly name: string;
  readonly reason: string;
  readonly wait?: boolean;
}

const LOOK_EVERY_MS = 1_000;

/** Gives an agent or a pool nothing new, and says what it still holds; with `wait` until that is nothing. */
export async function drain({ client, json }: Context, { kind, name, reason, wait }: DrainInput): Promise<void> {
  await client.pauses.pause(KINDS[kind] as Kind, name, reason);
  for (;;) {
    const held =
      kind === 'agent' ? Object.keys((await client.agents.get(name)).slots).length : await heldBy(client, name);
    if (wait !== true || held === 0) {
      if (json) return printJson({ kind, name, held });
      print(
        held === 0
          ? `${kind} ${bold(said(name))} is drained: it holds nothing.`
          : `${kind} ${bold(said(name))} drains: it still holds ${count(held, 'task')}.`,
      );
      return print(dim(`\`${call()} resume ${kind} ${said(name)}\` gives it work again.`));
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** How many tasks the agents of a pool hold. */
async function heldBy(client: Formicary, pool: string): Promise<number> {
  let held = 0;
  for await (const { load } of client.agents.all({ pool, status: 'active' })) held += load;
  return held;
}
