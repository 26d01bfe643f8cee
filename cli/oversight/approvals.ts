import type { Approval, ApprovalFilter, Receipt } from '../../client/client';
import { parseStream } from '../../domain/kernel/ids';
import { jsonOf } from '../json';
import { firstOf, printField } from '../lists';
import {
  ago,
  bad,
  bold,
  call,
  type Context,
  dim,
  lineOf,
  print,
  printJson,
  printTable,
  said,
  shortHash,
  shown,
  styled,
  UsageError,
} from '../terminal';

export interface ApprovalsInput extends ApprovalFilter {
  readonly all?: boolean;
}

/** One screen. */
const SCREEN = 20;

const COLOURS: Readonly<Record<string, (text: string) => string>> = {
  critical: bad,
  high: bad,
  medium: (text) => styled('yellow', text),
  low: dim,
};

/** The queue: what is severe first, then what is due first. */
export async function approvals(
  { client, json }: Context,
  { all, limit = SCREEN, status = 'waiting', ...filter }: ApprovalsInput,
): Promise<void> {
  const found = await firstOf(client.approvals.all({ ...filter, status }), all === true ? Infinity : limit);
  if (json) return printJson(found.rows);
  printTable(
    [
      'APPROVAL',
      'SEVERITY',
      'KIND',
      'FOR',
      status === 'waiting' ? 'ASKED' : 'OUTCOME',
      status === 'waiting' ? 'LEFT' : 'BY',
      'WHAT',
    ],
    found.rows.map((row) => [
      bold(row.id),
      (COLOURS[row.severity] ?? dim)(row.severity),
      row.kind,
      row.requester,
      row.status === 'waiting'
        ? `${row.group.at(-1)}${row.claimed_by === null ? '' : `, ${row.claimed_by} works on it`}`
        : shown(row.outcome),
      row.status === 'waiting' ? ago(row.deadline) : shown(row.decided_by),
      lineOf(
        row.status === 'waiting' && row.choices !== null && row.leader === null
          ? `${row.choices.join(' or ')}? ${row.why}`
          : row.why,
      ),
    ]),
  );
  found.sayMore();
}

/** What a person needs to decide. */
export async function approval(context: Context, { id }: { id: string }): Promise<void> {
  const { client, json } = context;
  const asked = await client.approvals.get(id);
  const action = await actionOf(context, asked);
  if (json) return printJson({ ...asked, action_now: action });
  const {
    status,
    outcome,
    kind,
    severity,
    requester,
    why,
    impact,
    risk,
    policy,
    inputs,
    summary,
    safe_default,
    ladder,
    level,
    ends,
    given,
    approvals_needed,
    questions,
    edit,
    hash,
    rejected,
    override,
    choices,
    leader,
  } = asked;
  print(
    `${bold(`Approval ${id}`)} is ${status === 'waiting' ? 'waiting' : outcome}: ${bold(kind)}, ${(COLOURS[severity] ?? dim)(severity)} (impact ${impact}, risk ${risk})`,
  );
  print('');
  printField('for', `${requester}: ${said(why)}`);
  for (const { by, says, confidence } of inputs)
    printField(
      'says',
      `${by}: ${said(says)}${confidence === undefined ? '' : dim(` (confidence ${Math.round(confidence * 100) / 100})`)}`,
    );
  printField('policy', policy.decision);
  printField(
    'asked',
    ladder
      .slice(0, level + 1)
      .map(({ group }) => group)
      .join(', then '),
  );
  if (status === 'waiting')
    printField('deadline', `${ends.at(-1)} (${ago(ends.at(-1) as string)}); if nobody decides: ${safe_default}`);
  if (status === 'waiting' && approvals_needed > 1)
    printField('needed', `${approvals_needed} people; ${given.length} approved`);
  if (choices !== undefined)
    printField(
      'choices',
      `${choices.join(', ')}${leader === undefined ? '; none leads: say which with --choice' : `; ${leader} where --choice says nothing else`}`,
    );
  for (const { by, reason, choice } of given)
    printField('approved', `${choice === undefined ? '' : `${bold(choice)}, `}by ${by}: ${said(reason)}`);
  if (rejected !== undefined) printField('rejected', `by ${rejected.by}: ${said(rejected.reason)}`);
  if (override !== undefined)
    printField('override', `${override.instead}, by ${override.by}: ${said(override.reason)}`);
  questions.forEach(({ by, question, answer }, i) =>
    printField(
      'question',
      `${i + 1}, ${by}: ${said(question)}\n${answer === undefined ? dim('not answered yet') : said(answer)}`,
    ),
  );
  if (edit !== undefined)
    for (const { path, before, after } of edit.changes)
      printField('edited', `${path}: ${shown(before)} → ${shown(after)}`);
  if (action === undefined) printField('about', said(summary));
  else print(`\n${said(JSON.stringify(action, null, 2))}`);
  print(dim(`hash ${shortHash(hash)}`));
  if (status !== 'waiting') return;
  print('');
  const which = choices !== undefined && leader === undefined ? ' --choice …' : '';
  print(
    dim(
      `Decide:  ${call()} approve ${id}${which} --hash ${shortHash(hash)} --reason …\n         ${call()} reject ${id} --hash ${shortHash(hash)} --reason …\nAsk:     ${call()} ask-back ${id} QUESTION`,
    ),
  );
}

export interface DecideInput {
  readonly id: string;
  readonly reason: string;
  readonly hash?: string;
  readonly edit?: string;
  readonly choice?: string;
}

/** Approves what is asked as it stands, or as the person corrects it. */
export async function approve(context: Context, input: DecideInput): Promise<void> {
  const { id, reason } = input;
  const asked = await seen(context, input);
  const edit =
    input.edit === undefined
      ? undefined
      : merged(await actionOf(context, asked), await jsonOf('--edit', input.edit, '{"payload":{"amount":10}}'));
  say(context, await context.client.approvals.approve(id, { hash: asked.hash, reason, edit, choice: input.choice }));
}

export async function reject(context: Context, input: DecideInput): Promise<void> {
  const { hash } = await seen(context, input);
  say(context, await context.client.approvals.reject(input.id, { hash, reason: input.reason }));
}

/** Asks the requester back; the time goes on meanwhile. */
export async function askBack(context: Context, { id, question }: { id: string; question: string }): Promise<void> {
  say(context, await context.client.approvals.ask(id, question));
}

/** The approval as it is now, which must be the one that the person has looked at. */
async function seen({ client }: Context, { id, hash }: DecideInput): Promise<Approval> {
  const asked = await client.approvals.get(id);
  if (hash !== undefined && !asked.hash.startsWith(hash))
    throw new UsageError(
      `${id} is not what you looked at any more: it is ${shortHash(asked.hash)} now`,
      `Look again: ${call()} approval ${id}`,
    );
  return asked;
}

/** The action that the approval is about, as it would happen; undefined when it is about a round. */
async function actionOf({ client }: Context, asked: Approval): Promise<unknown> {
  if (asked.edit?.hash === asked.hash) return asked.edit.action;
  const { category, id } = parseStream(asked.action);
  return category === 'action' ? (await client.actions.get(id)).action : undefined;
}

/** A JSON Merge Patch (RFC 7396): objects are merged, null removes, anything else replaces. */
function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value);
  }
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function say({ json }: Context, answer: { readonly receipt: Receipt; readonly approval: Approval }): void {
  if (json) return printJson(answer);
  const { receipt, approval } = answer;
  const { id, status, outcome, given, approvals_needed, edit, hash } = approval;
  const left = status === 'waiting' && given.length > 0 ? `, ${given.length} of ${approvals_needed} approvals` : '';
  print(
    `${bold(id)} is ${outcome ?? status}${left}  ${dim(`${receipt.stream}@${receipt.version}  ${shortHash(receipt.hash ?? '')}`)}`,
  );
  if (edit?.hash === hash)
    for (const { path, before, after } of edit.changes) print(`  ${path}: ${shown(before)} → ${shown(after)}`);
}
