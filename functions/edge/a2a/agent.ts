/**
 * The operations of A2A over the routes that there are: a message becomes a task of the market, by the sender's own
 * token, and what is told of it is what a read of it says. All of it in the JSON of revision 1.0.
 */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { derivedId } from '../../../app/engine/new-id';
import { Id } from '../../../contract/common';
import type { Task } from '../../../contract/market/tasks';
import type { Action } from '../../../contract/oversight/actions';
import type { AgentType } from '../../../contract/repository/agent-types';
import type { Shown } from '../../../contract/route';
import { parseStream, streamName } from '../../../domain/kernel/ids';
import { approvalOf, heldIn } from '../held-calls';
import { Problem } from '../problem';
import { type Card, extendedCard, MESSAGE_TASK } from './card';
import { A2aError, noPush, wrong } from './errors';
import {
  ByIdInput,
  CardInput,
  checkHops,
  checkModes,
  checkTenant,
  GetInput,
  read,
  SendInput,
  type Sent,
  TASK_KEY,
} from './messages';
import { ask, follow, type Peer } from './peer';
import { type A2aTask, type Artifact, heldTaskOf, isTerminal, type Message, type Payload, taskOf } from './tasks';

type Market = Shown<typeof Task>;
type AtGate = Shown<typeof Action>;

/** For so long an answer to a message waits for the task's end, in seconds; a long poll of a route waits half of it. */
export const WAIT_SECONDS = 60;
const POLL_SECONDS = 30;

/** After all that there is: a state of this time is read from the store, and so is what other processes have done. */
const LATEST = '9999-12-31T23:59:59.999Z';

/** Why a task is cancelled. */
const CANCELLED = 'cancelled by its client';

/** A task as it is known here: of the market, or a message that waits for people before it becomes one. */
type Known = { readonly task: Market } | { readonly action: AtGate };

/**
 * Posts what a message asks for. The same message again is the same task.
 *
 * @throws {A2aError | Problem} where it is refused
 */
export async function sendMessage(peer: Peer, params: unknown): Promise<A2aTask> {
  const sent = read(SendInput, params);
  const { configuration } = sent;
  const begun = await begin(peer, sent);
  const ended = configuration?.returnImmediately === true ? begun : await waited(peer, begun);
  return withoutMore(await told(peer, ended.id, ended), configuration?.historyLength);
}

/** @throws {A2aError | Problem} where there is none, or it may not be seen */
export async function getTask(peer: Peer, params: unknown): Promise<A2aTask> {
  const { tenant, id, historyLength } = read(GetInput, params);
  checkTenant(tenant, peer.caller.tenant);
  return withoutMore(await told(peer, id, await known(peer, id)), historyLength);
}

/** @throws {A2aError | Problem} where there is none, or it has ended, or its caller may not */
export async function cancelTask(peer: Peer, params: unknown): Promise<A2aTask> {
  const { tenant, id } = read(ByIdInput, params);
  checkTenant(tenant, peer.caller.tenant);
  const found = await known(peer, id);
  if (isTerminal('task' in found ? taskOf(id, found.task) : heldTaskOf(found.action))) throw notCancelable(id);
  try {
    if ('task' in found) await ask(peer, 'cancelTask', { id: found.task.id, reason: CANCELLED });
    else return await withdrawn(peer, found.action);
  } catch (error) {
    // It has ended meanwhile.
    if (error instanceof Problem && error.document.status === 409) throw notCancelable(id);
    throw error;
  }
  return await told(peer, id, await known(peer, id));
}

/** A message that is not to become a task: people are not asked any more. */
async function withdrawn(peer: Peer, action: AtGate): Promise<A2aTask> {
  const approval_id = approvalOf(action);
  if (approval_id === undefined) throw notCancelable(action.id, 'is not before people yet, or not any more');
  await ask(peer, 'withdrawApproval', { approval_id, reason: CANCELLED });
  // The gate hears of it in a moment.
  const task = heldTaskOf(action);
  return { ...task, status: { ...task.status, state: 'TASK_STATE_CANCELED' } };
}

/** What a stream tells of a task: all of it first, and then each change. */
export type Update =
  | { readonly task: A2aTask }
  | { readonly statusUpdate: Changed & Pick<A2aTask, 'status'> }
  | { readonly artifactUpdate: Changed & { readonly artifact: Artifact; readonly lastChunk: true } };

interface Changed {
  readonly taskId: string;
  readonly contextId: string;
}

/**
 * Posts what a message asks for, and tells of it until it has ended or people are asked.
 *
 * @throws {A2aError | Problem} where it is refused
 */
export async function* sendStreamingMessage(peer: Peer, params: unknown): AsyncGenerator<Update, void, undefined> {
  const { id } = await begin(peer, read(SendInput, params));
  yield* updates(peer, id, ({ status }) => status.state === 'TASK_STATE_INPUT_REQUIRED');
}

/**
 * Tells of a task from now on until it has ended.
 *
 * @throws {A2aError | Problem} where there is none, or it has ended
 */
export async function* subscribe(peer: Peer, params: unknown): AsyncGenerator<Update, void, undefined> {
  const { tenant, id } = read(ByIdInput, params);
  checkTenant(tenant, peer.caller.tenant);
  const found = await known(peer, id);
  if (isTerminal('task' in found ? taskOf(id, found.task) : heldTaskOf(found.action)))
    throw new A2aError('UNSUPPORTED_OPERATION', `The task ${id} has ended: read it instead.`);
  yield* updates(peer, id, () => false);
}

/** The card for whoever is known: what there is in its tenant. */
export async function getExtendedCard(peer: Peer, params: unknown): Promise<Card> {
  checkTenant(read(CardInput, params ?? {}).tenant, peer.caller.tenant);
  const { value } = await ask<{ readonly value: readonly Shown<typeof AgentType>[] }>(peer, 'listAgentTypes', {});
  return extendedCard(peer.url, value);
}

// -------------------------------------------------------------------------------------------------- a message

async function begin(peer: Peer, sent: Sent): Promise<{ readonly id: string } & Known> {
  const { message, configuration, metadata } = sent;
  checkTenant(sent.tenant, peer.caller.tenant);
  checkModes(message);
  checkHops(message);
  if (configuration?.taskPushNotificationConfig != null) throw noPush();
  if (message.taskId !== undefined) throw await noMore(peer, message.taskId, message.contextId);
  const { contextId, ...rest } = message;
  if (contextId !== undefined && !Id.safeParse(contextId).success)
    throw wrong('message.contextId', 'must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -');
  const accepted_output_modes = configuration?.acceptedOutputModes;
  const payload: Payload = { message: rest, ...(accepted_output_modes && { accepted_output_modes }) };
  const posted = { task_type: MESSAGE_TASK, ...wishesOf(message.metadata), ...wishesOf(metadata), payload };
  const key = keyOf(contextId, posted);
  const args = {
    ...posted,
    // Known before it is posted: it may have to wait for people.
    correlation_id: contextId ?? derivedId(peer.caller.tenant, peer.caller.id, `context of ${key}`),
    idempotency_key: key,
  };
  try {
    const { task } = await ask<{ readonly task: Market }>(peer, 'postTask', args);
    return { id: task.id, task };
  } catch (error) {
    const held = error instanceof Problem ? heldIn(error.document) : undefined;
    if (held === undefined) throw error;
    return { id: held, ...(await knownAction(peer, held)) };
  }
}

/** Under which a message is posted once: what has its id but says something else is another one. */
function keyOf(contextId: string | undefined, posted: object): string {
  return `a2a:${createHash('sha256')
    .update(JSON.stringify([contextId, posted]))
    .digest('hex')}`;
}

/** What of a task nobody wishes for: it is given, or is the message itself. */
const OWN = ['id', 'payload', 'correlation_id', 'idempotency_key', 'if_match'];

/** What of the task shall be otherwise than by default: any field of it but those that the message itself is. */
function wishesOf(metadata: Readonly<Record<string, unknown>> | undefined): object {
  const wishes = metadata?.[TASK_KEY];
  if (wishes === undefined) return {};
  if (typeof wishes !== 'object' || wishes === null || Array.isArray(wishes))
    throw wrong(`metadata.${TASK_KEY}`, 'must be an object with fields of a task');
  if (OWN.some((name) => Object.hasOwn(wishes, name)))
    throw wrong(`metadata.${TASK_KEY}`, `must leave out ${OWN.join(', ')}: they are given, or are the message`);
  return wishes;
}

/** Why a task takes no further message: whoever works on it has all that was sent. */
async function noMore(peer: Peer, id: string, contextId: string | undefined): Promise<A2aError> {
  const found = await known(peer, id);
  const { contextId: own, status } = 'task' in found ? taskOf(id, found.task) : heldTaskOf(found.action);
  if (contextId !== undefined && contextId !== own) return wrong('message.contextId', `is not that of the task ${id}`);
  return new A2aError(
    'UNSUPPORTED_OPERATION',
    `The task ${id} (${status.state}) takes no further messages: send one without taskId, in the same context.`,
  );
}

/** The task once it has ended or people are asked, or as it is after so long. */
async function waited(peer: Peer, begun: { readonly id: string } & Known): Promise<{ readonly id: string } & Known> {
  if (!('task' in begun)) return begun;
  let { task } = begun;
  for (let left = WAIT_SECONDS; left > 0; left -= POLL_SECONDS) {
    const { state } = taskOf(begun.id, task).status;
    if (state !== 'TASK_STATE_SUBMITTED' && state !== 'TASK_STATE_WORKING') break;
    task = await ask<Market>(peer, 'getTask', { id: task.id, waitSeconds: POLL_SECONDS });
  }
  return { id: begun.id, task };
}

// ------------------------------------------------------------------------------------------------ what is there

/** @throws {A2aError} where there is no such task for its caller */
export async function known(peer: Peer, id: string): Promise<Known> {
  // What can be no id is none; it would be refused as a wrong parameter.
  if (!Id.safeParse(id).success) throw notFound(id);
  try {
    return { task: await ask<Market>(peer, 'getTask', { id }) };
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return await knownAction(peer, id);
}

/** A message that people approve first, or the task that it has become since. */
async function knownAction(peer: Peer, id: string): Promise<Known> {
  let action: AtGate;
  try {
    action = await ask<AtGate>(peer, 'getAction', { action_id: id });
  } catch (error) {
    throw isMissing(error) ? notFound(id) : error;
  }
  // Nobody looks after the messages of others before they are tasks.
  if (action.command !== 'postTask' || action.proposed_by !== peer.caller.id) throw notFound(id);
  const receipt = action.given?.receipt;
  if (receipt === undefined) return { action };
  const posted = parseStream(receipt.slice(0, receipt.lastIndexOf('@'))).id;
  return { task: await ask<Market>(peer, 'getTask', { id: posted }) };
}

/** What is known, as it is told, with what was sent and what came of it. */
export async function told(peer: Peer, id: string, found: Known): Promise<A2aTask> {
  if (!('task' in found)) return heldTaskOf(found.action);
  const { task } = found;
  const { payload, payload_ref, completion } = task;
  return taskOf(id, task, {
    payload: payload ?? (await blob(peer, task.id, payload_ref)),
    result: completion?.result ?? (await blob(peer, task.id, completion?.result_ref)),
  });
}

/** What is too large to stand in the task itself. */
async function blob(peer: Peer, id: string, reference: string | undefined): Promise<unknown> {
  return reference === undefined ? undefined : await ask(peer, 'getTaskBlob', { id, reference });
}

/** At most so many messages of its history. */
function withoutMore(task: A2aTask, historyLength: number | undefined): A2aTask {
  const { history, ...rest } = task;
  const kept: readonly Message[] = historyLength === 0 ? [] : (history ?? []).slice(-(historyLength ?? Infinity));
  return kept.length === 0 ? rest : { ...rest, history: kept };
}

function notFound(id: string): A2aError {
  return new A2aError('TASK_NOT_FOUND', `There is no task ${id}.`);
}

function notCancelable(id: string, why = 'has ended'): A2aError {
  return new A2aError('TASK_NOT_CANCELABLE', `The task ${id} ${why}.`);
}

function isMissing(error: unknown): boolean {
  return error instanceof Problem && error.document.status === 404;
}

// ------------------------------------------------------------------------------------------------------- changes

/** A task, and then what changes in it, in order, until it has ended, `isEnough`, or whoever listens has gone. */
async function* updates(
  peer: Peer,
  id: string,
  isEnough: (task: A2aTask) => boolean,
): AsyncGenerator<Update, void, undefined> {
  const found = await known(peer, id);
  // Before it is a task, nothing in it changes: whoever waits for people looks again.
  if (!('task' in found)) return yield { task: heldTaskOf(found.action) };
  const stream = streamName(peer.caller.tenant, 'task', found.task.id);
  const changes = follow(peer, found.task.correlation_id, 'task');
  try {
    // What happens from here on is heard of, so nothing is lost between the first look and the next: each is of the
    // store, as what this process has in its cache can lag behind what another has told.
    await changes.next();
    let task = await taskAt(peer, found.task.id, LATEST);
    let last = await told(peer, id, { task });
    yield { task: last };
    while (!isTerminal(last) && !isEnough(last)) {
      const { value, done } = await changes.next();
      if (done === true) return;
      if (value?.stream !== stream || value.index <= task.version) continue;
      task = await taskAt(peer, task.id, value.at);
      const next = await told(peer, id, { task });
      yield* between(last, next);
      last = next;
    }
  } finally {
    await changes.return();
  }
}

/** The task as the store has it, after all that was done until then. */
async function taskAt(peer: Peer, id: string, asOf: string): Promise<Market> {
  return await ask<Market>(peer, 'getTask', { id, asOf });
}

/** What is new; what came of it before its end. */
function* between(last: A2aTask, next: A2aTask): Generator<Update> {
  const of = { taskId: next.id, contextId: next.contextId };
  const before = new Set(last.artifacts?.map(({ artifactId }) => artifactId));
  for (const artifact of next.artifacts ?? [])
    if (!before.has(artifact.artifactId)) yield { artifactUpdate: { ...of, artifact, lastChunk: true } };
  if (!isDeepStrictEqual(last.status, next.status)) yield { statusUpdate: { ...of, status: next.status } };
}
