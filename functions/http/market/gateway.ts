/** `/v1/gateway`: one connection for many agents. */
import { z } from 'zod';
import type { Colony } from '../../../app/colony';
import { type Outcome, type RequestContext, settled } from '../../../app/engine/command';
import { profileOf } from '../../../app/market/agents';
import { Id, Misformed } from '../../../contract/common';
import { agents } from '../../../contract/market/agents';
import { gateway } from '../../../contract/market/gateway';
import type { AnswerOf, Asked } from '../../../contract/route';
import { type Event, Rejection } from '../../../domain/kernel/decider';
import type { Principal } from '../../../domain/kernel/principal';
import { bind } from '../../bind';
import { batchAnswer, madeId, receiptOf } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { Problem, type ProblemDocument, rejected } from '../../edge/problem';
import { type Call, misformed, reachableId } from '../../edge/route';

type Command = Exclude<Asked<typeof gateway.command>['body']['commands'][number], Misformed>;
type Registered = AnswerOf<typeof gateway.register>['value'][number];
type Done = AnswerOf<typeof gateway.command>['value'][number];
type Came = Outcome<unknown, Event>;

/** Throws a problem (403) when the caller is no service: people and agents speak for themselves. */
function requireService({ id, kind }: Principal): void {
  if (kind === 'service') return;
  throw Problem.of(
    'forbidden',
    `${id} is no service: only a service speaks for other agents. Call as service:NAME, or as the agent itself.`,
  );
}

/** The context of one of several commands of a request: each has a key of its own, made of that of the request. */
function partOf(call: Call, part: number, subject: unknown): RequestContext {
  const { command, ...context } = contextOf(call, subject);
  return command === undefined ? context : { ...context, command: { ...command, key: madeId(call, part) } };
}

bind(gateway.register, async (colony, call) => {
  const { body } = call;
  requireService(call.principal);
  const value = await Promise.all(body.agents.map((input, i) => registered(colony, call, input, i + 1)));
  return batchAnswer(value);
});

/** What comes of one of the agents: others may be registered, whatever is wrong with it. */
async function registered(
  colony: Colony,
  call: Call,
  input: Asked<typeof gateway.register>['body']['agents'][number],
  part: number,
): Promise<Registered> {
  if (input instanceof Misformed) return { id: idIn(input.sent), problem: misformed('agent', input.error).document };
  const { id, ...said } = input;
  const hidden = hiddenId(id);
  if (hidden !== undefined) return { id, problem: hidden };
  const profile = { ...profileOf(said), gateway: call.principal.id };
  const outcome = await settled<Came>(colony.agents.register(partOf(call, part, { id, ...said }), id, profile));
  return outcome.ok ? { id, receipt: receiptOf(outcome) } : { id, problem: rejected(outcome.rejection).document };
}

/** The id in what was sent, if there is one. */
function idIn(sent: unknown): string | undefined {
  return z.object({ id: Id }).safeParse(sent).data?.id;
}

/** Why no agent can have the id; undefined when one can. */
function hiddenId(id: string): ProblemDocument | undefined {
  try {
    reachableId(agents.get.path, id);
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return error.document;
    throw error;
  }
}

bind(gateway.inbox, async (colony, call) => {
  requireService(call.principal);
  const signal = call.query.waitSeconds > 0 ? call.signal : undefined;
  return { body: await colony.gateways.inbox(contextOf(call), { ...call.query, signal }) };
});

bind(gateway.command, async (colony, call) => {
  const { principal, body } = call;
  requireService(principal);
  const value: Done[] = [];
  const commands: [number, Command][] = [];
  for (const [i, command] of body.commands.entries()) {
    if (command instanceof Misformed) value[i] = answered(misformed('command', command.error));
    else commands.push([i, command]);
  }
  const byAgent = Map.groupBy(commands, ([, { agent }]) => agent);
  await Promise.all(
    [...byAgent].map(async ([agent, own]) => {
      const speaker = await foundOf(colony.gateways.speaker(principal, agent));
      for (const [i, command] of own) {
        value[i] =
          speaker instanceof Rejection
            ? refused(speaker)
            : await done(colony, { ...partOf(call, i + 1, command), principal: speaker }, command);
      }
    }),
  );
  return batchAnswer(value);
});

/** What was found, or why not; also where the store could not tell. */
async function foundOf<T>(found: Promise<T | Rejection>): Promise<T | Rejection> {
  const outcome = await settled(found.then((value) => ({ ok: true as const, value })));
  return outcome.ok ? outcome.value : outcome.rejection;
}

/** What comes of one command; also where the store could not do it, since others may be done. */
async function done(colony: Colony, context: RequestContext, command: Command): Promise<Done> {
  if (command.do === 'heartbeat') {
    const beat = await foundOf(colony.agents.heartbeat(context, command.agent, command.holding));
    return beat instanceof Rejection ? refused(beat) : { status: 200, held: beat.held };
  }
  const outcome = await settled(run(colony, context, command));
  return outcome.ok ? { status: 200, receipt: receiptOf(outcome) } : refused(outcome.rejection);
}

function run(colony: Colony, context: RequestContext, command: Exclude<Command, { do: 'heartbeat' }>): Promise<Came> {
  if ('award' in command) return runHolder(colony, context, command);
  const { agents, tasks, rounds } = colony;
  const { agent } = command;
  switch (command.do) {
    case 'bid':
      return tasks.bid(context, command.task, { agent, note: command.note });
    case 'withdraw_bid':
      return tasks.withdrawBid(context, command.task, agent);
    case 'deregister':
      return agents.deregister(context, agent, command.reason);
    case 'vote': {
      const { do: _, agent: __, round, ...vote } = command;
      return rounds.vote(context, round, vote);
    }
  }
}

/** What whoever was awarded a task does with it. */
function runHolder(
  { tasks }: Colony,
  context: RequestContext,
  command: Extract<Command, { award: number }>,
): Promise<Came> {
  const { task, agent, award } = command;
  const claim = { agent, award };
  const spending = 'cost_micro_usd' in command ? { ...claim, cost: command.cost_micro_usd } : claim;
  switch (command.do) {
    case 'accept':
      return tasks.accept(context, task, claim);
    case 'decline':
      return tasks.decline(context, task, claim, command.reason);
    case 'progress':
      return tasks.progress(context, task, spending, command.fraction, command.note);
    case 'complete':
      return command.accept === true
        ? tasks.completeAtOnce(context, task, spending, command.result)
        : tasks.complete(context, task, spending, command.result);
    case 'fail':
      return tasks.fail(context, task, spending, command.reason, command.retryable);
    case 'release':
      return tasks.release(context, task, spending, command.reason);
    case 'handoff':
      return tasks.handOff(context, task, claim, command.to, command.note);
  }
}

function refused(rejection: Rejection): Done {
  return answered(rejected(rejection));
}

function answered({ document }: Problem): Done {
  return { status: document.status, problem: document };
}
