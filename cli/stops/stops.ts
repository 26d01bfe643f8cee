/** What the commands on stops do. */
import { type Formicary, FormicaryError } from '../../client/client';
import type { Stoppable } from '../../client/stops';
import { ago, bold, call, type Context, count, dim, print, printJson, printTable, said } from '../terminal';

export interface StopInput {
  readonly kind: Stoppable;
  readonly name: string;
  readonly reason: string;
  readonly quarantine?: boolean;
}

/** Stops something, and shows what it was working on. */
export async function stop({ client, json }: Context, { kind, name, reason, quarantine }: StopInput): Promise<void> {
  const effect = quarantine === true ? 'quarantine' : 'freeze';
  const answer = await client.stops.stop(kind, name, { effect, reason });
  if (json) return printJson(answer);
  const what = `${kind} ${said(name)}`;
  print(`${bold(what)} is ${effect === 'freeze' ? 'frozen' : 'in quarantine'}: here now, everywhere within a second.`);
  if (answer.in_flight.length > 0) {
    const returned = answer.in_flight.some((work) => work.returned);
    print(`${count(answer.in_flight.length, 'task')} in its hands ${returned ? 'go to others' : 'wait'}:`);
    printTable(
      ['TENANT', 'TASK', 'AGENT', 'AWARD'],
      answer.in_flight.map(({ tenant, task, agent, award }) => [said(tenant), said(task), said(agent), String(award)]),
      ['AWARD'],
    );
  }
  if (kind === 'agent' && answer.in_flight.length === 0 && !(await isRegistered(client, name)))
    print(
      name.startsWith('service:')
        ? `Whatever calls as ${bold(said(name))} is refused, and what it says in the name of agents. They themselves go on.`
        : `No agent is registered as ${bold(said(name))}: look at the spelling; a service is stopped as service:NAME. The stop stands all the same.`,
    );
  const lift = `\`${call()} lift ${what} --reason …\``;
  const ending =
    kind === 'global' ? `${lift} by two people ends that, who each sign in by an issuer of yours` : `${lift} ends that`;
  print(dim(`${ending}; \`${call()} stops\` shows all of them.`));
}

async function isRegistered(client: Formicary, agent: string): Promise<boolean> {
  try {
    await client.agents.get(agent);
    return true;
  } catch (error) {
    // It is stopped: whether it is known may stay unknown.
    return !(error instanceof FormicaryError && error.status === 404);
  }
}

/** Shows what is stopped. */
export async function stops({ client, json }: Context): Promise<void> {
  const found = await client.stops.list();
  if (json) return printJson(found);
  printTable(
    ['WHAT', 'NAME', 'HOW', 'SINCE', 'BY', 'REASON', ''],
    found.map(({ kind, name, effect, since, by, reason, agreed, of }) => [
      kind,
      bold(said(name)),
      effect,
      ago(since),
      said(by),
      said(reason),
      agreed === undefined ? (of === 'platform' ? dim('of the platform') : '') : `${said(agreed.by)} agreed to lift it`,
    ]),
    [],
    'Nothing is stopped.',
  );
}

export interface LiftInput {
  readonly kind: Stoppable;
  readonly name: string;
  readonly reason: string;
}

/** Lifts a stop, or is the first of two to agree. */
export async function lift(context: Context, { kind, name, reason }: LiftInput): Promise<void> {
  const { client, json } = context;
  const answer = await client.stops.lift(kind, name, reason);
  if (json) return printJson(answer);
  const what = `${kind} ${said(name)}`;
  if (!answer.lifted) print(`You agreed to lift ${bold(what)}: a second person has to, within an hour.`);
  else if (answer.receipt.events.length === 0) {
    const stands = (await client.stops.list()).some((one) => one.kind === kind && one.name === name);
    if (!stands) return print(`${bold(what)} was not stopped.`);
    context.foundWrong();
    print(`${bold(what)} was stopped by the platform: people of the tenant platform lift it.`);
  } else print(`${bold(what)} goes on.`);
}
