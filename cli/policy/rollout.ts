/** What the commands on the roll-out do. */
import type { Policy } from '../../client/policy';
import { ago, bad, bold, call, type Context, dim, print, printJson, printTable, said, UsageError } from '../terminal';
import { filesIn } from './bundles';
import { nameOf, short } from './names';
import { printCompared } from './tables';

/** Shows which bundle is in force. */
export async function show({ client, json }: Context): Promise<void> {
  const policy = await client.policy.get();
  if (json) return printJson(policy);
  printPolicy(policy);
  const rules = Object.entries(policy.entrypoints);
  printTable(
    ['RULE', 'ANSWERS'],
    rules.map(([rule, actions]) => [said(rule), said(actions.join(', '))]),
    [],
    'No rule answers anything.',
  );
}

function printPolicy({ in_force, revision, shipped, shadow: shadowed, trouble }: Policy): void {
  const { bundle, since, by, reason } = in_force;
  const how =
    since === undefined || by === undefined
      ? 'it ships with the program'
      : `since ${ago(since)}, by ${said(by)}: ${said(reason ?? '')}`;
  print(`${bold(bundle)} is in force; ${how}.`);
  if (revision !== undefined) print(dim(`Its authors call it ${said(revision)}.`));
  if (bundle !== shipped) print(dim(`The program ships with ${shipped}.`));
  if (shadowed !== undefined) print(`${bold(shadowed)} is in its shadow.`);
  if (trouble !== undefined) print(bad(`This host acts on nothing: ${said(trouble)}`));
}

/** Lists the bundles of the roll-out. */
export async function list({ client, json }: Context): Promise<void> {
  const { value } = await client.policy.list();
  if (json) return printJson(value);
  printTable(
    ['BUNDLE', 'IS', 'CALLED', 'SINCE', 'BY', 'REASON'],
    value.map(({ bundle, status, version, since, by, reason }) => [
      bold(short(bundle)),
      status.replaceAll('_', ' '),
      said(version ?? ''),
      since === undefined ? '' : ago(since),
      said(by ?? ''),
      said(reason ?? ''),
    ]),
  );
}

export interface StageInput {
  readonly folder: string;
  readonly reason: string;
}

/** Stages the bundle in a folder. */
export async function stage({ client, json }: Context, { folder, reason }: StageInput): Promise<void> {
  const answer = await client.policy.stage(await filesIn(folder), reason);
  if (json) return printJson(answer);
  print(
    `${bold(answer.bundle)} is staged${answer.receipt.events.length === 0 ? ' already' : ''}: it judges nothing yet.`,
  );
  print(dim(`\`${call()} policy diff ${short(answer.bundle)}\` shows what it would have changed.`));
}

export interface BundleInput {
  readonly bundle: string;
  readonly reason: string;
}

export async function withdraw({ client, json }: Context, { bundle, reason }: BundleInput): Promise<void> {
  const name = await nameOf(client, bundle);
  const answer = await client.policy.withdraw(name, reason);
  if (json) return printJson(answer);
  print(`${bold(name)} is ${answer.receipt.events.length === 0 ? 'not staged' : 'staged no more'}.`);
}

export interface ShadowInput {
  readonly bundle?: string;
  readonly reason?: string;
}

/** Puts a bundle in the shadow; without one, shows what the one that stands there would say otherwise. */
export async function shadow({ client, json }: Context, { bundle, reason }: ShadowInput): Promise<void> {
  if (bundle !== undefined) {
    if (reason === undefined) throw new UsageError('say why, with --reason', 'It stands on the receipt.');
    const name = await nameOf(client, bundle);
    const answer = await client.policy.shadow(name, reason);
    if (json) return printJson(answer);
    return print(`${bold(name)} is in the shadow: \`${call()} policy shadow\` shows what it would say otherwise.`);
  }
  const counted = await client.policy.shadowed();
  if (json) return printJson(counted ?? null);
  if (counted === undefined) return print(dim('No bundle is in the shadow.'));
  const { asked, not_compared } = counted;
  print(
    `${bold(short(counted.bundle))} in the shadow of ${bold(short(counted.in_force))}, as this host has counted it:`,
  );
  printCompared({ ...counted, differing: counted.actions.reduce((sum, { differing }) => sum + differing, 0) });
  if (not_compared > 0) print(dim(`${not_compared} of ${asked} came too fast to be compared.`));
}

export interface ActivateInput extends BundleInput {
  readonly urgent?: boolean;
}

export async function activate({ client, json }: Context, { bundle, reason, urgent }: ActivateInput): Promise<void> {
  const name = await nameOf(client, bundle);
  const answer = await client.policy.activate(name, { reason, urgent });
  if (json) return printJson(answer);
  print(`${bold(name)} is in force: here now, everywhere within a second.`);
  print(dim(`\`${call()} policy rollback ${short(name)} --reason …\` goes back to the one before it.`));
}

export async function rollBack({ client, json }: Context, { bundle, reason }: BundleInput): Promise<void> {
  const name = await nameOf(client, bundle);
  const answer = await client.policy.rollBack(name, reason);
  if (json) return printJson(answer);
  const { in_force } = answer.policy;
  print(`${bold(in_force.bundle)} is in force${answer.receipt.events.length === 0 ? ' already' : ' again'}.`);
}
