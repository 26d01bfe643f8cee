/** What the commands on personal data do. */
import type { Subject } from '../../client/personal';
import { mapMarks, MARK } from '../../domain/personal/mark';
import { firstOf, printDetails } from '../lists';
import { ago, bold, call, type Context, count, dim, note, print, printJson, printTable, said } from '../terminal';

export interface EraseInput {
  readonly subject: string;
  readonly reason: string;
}

/** Erases a person. */
export async function erase({ client, json }: Context, { subject, reason }: EraseInput): Promise<void> {
  const answer = await client.personal.erase(subject, reason);
  if (json) return printJson(answer);
  const done = answer.receipt.events.length > 0;
  print(
    `${bold(said(subject))} ${done ? 'is erased' : 'was erased already'}: the key is destroyed, and nobody opens it.`,
  );
  print(
    dim(
      'Backups of the keys from before still hold it: keep the list of erasures apart from them, see docs/personal-data.md.',
    ),
  );
}

export interface ShowInput {
  readonly subject: string;
}

/** Shows who has read the data of a person. */
export async function show({ client, json }: Context, { subject }: ShowInput): Promise<void> {
  const found = await client.personal.subject(subject);
  if (json) return printJson(found);
  print(`${bold(said(subject))}: ${stateOf(found)}, read ${count(found.reads, 'time')}`);
  printTable(
    ['WHEN', 'BY', 'OF', 'VALUES', 'WHY'],
    found.last.map(({ at, by, of, values, award, purpose }) => [
      ago(at),
      said(by),
      said(of),
      String(values),
      said(purpose ?? `works on it under award ${award}`),
    ]),
    ['VALUES'],
    'Nobody has read it.',
  );
}

function stateOf({ erased }: Subject): string {
  return erased === undefined
    ? 'not erased'
    : `erased by ${said(erased.by)} ${ago(erased.at)} (${said(erased.reason)})`;
}

export interface ReadInput {
  readonly kind: 'task' | 'action' | 'approval';
  readonly id: string;
  readonly purpose?: string;
}

/** Shows something with the personal data in it opened. */
export async function read(context: Context, { kind, id, purpose }: ReadInput): Promise<void> {
  const { client, json } = context;
  const opening = { personal: 'open', purpose } as const;
  const found =
    kind === 'task'
      ? await client.tasks.get(id, opening)
      : kind === 'action'
        ? await client.actions.get(id, opening)
        : await client.approvals.get(id, opening);
  if (json) printJson(found);
  else printDetails(found);
  if (!staysSealed(found)) return;
  context.foundWrong();
  note('What stays sealed has a key that this host cannot use: see "Keys and backups" in docs/personal-data.md.');
}

/** Whether something did not open though nobody was erased. */
function staysSealed(found: object): boolean {
  let sealed = false;
  mapMarks(found, (holder) => {
    const mark = (holder as { readonly [MARK]?: { readonly sealed?: true } })[MARK];
    sealed ||= mark?.sealed === true;
    return holder;
  });
  return sealed;
}

/** Who was erased, of whom a table tells. */
const SHOWN = 50;

export interface ErasuresInput {
  readonly limit?: number;
  readonly all?: boolean;
}

/** Lists who was erased. */
export async function erasures({ client, json }: Context, { limit, all }: ErasuresInput): Promise<void> {
  // Whoever reads it as JSON restores by it: a part would open again who is not in it.
  const isWhole = all === true || (json && limit === undefined);
  const found = await firstOf(client.personal.erasures(), isWhole ? Infinity : (limit ?? SHOWN));
  if (json) return printJson(found.rows);
  printTable(
    ['SUBJECT', 'WHEN', 'BY', 'REASON'],
    found.rows.map(({ subject, at, by, reason }) => [bold(said(subject)), ago(at), said(by), said(reason)]),
    [],
    `Nobody was erased: \`${call()} erase SUBJECT --reason …\` does it.`,
  );
  found.sayMore();
}
