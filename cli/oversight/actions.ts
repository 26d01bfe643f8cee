import type { ActionFilter, ActionSummary, Round } from '../../client/client';
import { firstOf, printDetails } from '../lists';
import { ago, bad, bold, type Context, dim, good, print, printJson, printTable, shortHash, styled } from '../terminal';

export interface ActionsInput extends ActionFilter {
  readonly id?: string;
  readonly all?: boolean;
}

const waits = (text: string) => styled('yellow', text);
const COLOURS: Readonly<Record<ActionSummary['status'], (text: string) => string>> = {
  proposed: waits,
  held: waits,
  returned: waits,
  veto_window: waits,
  cleared: good,
  executed: good,
  refused: bad,
  vetoed: bad,
};

/** Lists the actions at the gate, or shows one. */
export async function actions({ client, json }: Context, { id, all, limit, ...filter }: ActionsInput): Promise<void> {
  if (id !== undefined) {
    const action = await client.actions.get(id);
    return json ? printJson(action) : printDetails(action);
  }
  const found = await firstOf(client.actions.all(filter), all === true ? Infinity : limit);
  if (json) return printJson(found.rows);
  printTable(
    ['ACTION', 'STATUS', 'KIND', 'BY', 'IMPACT', 'WAY', 'DECIDED BY', 'PROPOSED'],
    found.rows.map((row) => [
      bold(row.id),
      COLOURS[row.status](row.status),
      row.kind,
      row.proposed_by,
      row.impact,
      row.path,
      row.stopped_by ?? row.cleared_by ?? '–',
      ago(row.proposed_at),
    ]),
  );
  found.sayMore();
}

/** Stops an action that would happen by itself. */
export async function veto({ client, json }: Context, { id, reason }: { id: string; reason: string }): Promise<void> {
  const answer = await client.actions.veto(id, reason);
  if (json) return printJson(answer);
  const { action, receipt } = answer;
  print(
    `${bold(id)} is ${action.status}  ${dim(`${receipt.stream}@${receipt.version}  ${shortHash(receipt.hash ?? '')}`)}`,
  );
}

export interface OverrideInput {
  readonly what: 'action' | 'round';
  readonly id: string;
  readonly instead: string;
  readonly reason: string;
}

/** Puts a person's decision in place of what came of an action or a round. */
export async function override({ client, json }: Context, { what, id, instead, reason }: OverrideInput): Promise<void> {
  const answer =
    what === 'round'
      ? await client.rounds.override(id, { choice: instead, reason })
      : await client.actions.override(id, { instead: instead as 'refuse' | 'allow', reason });
  if (json) return printJson(answer);
  const { receipt } = answer;
  const decided = (round: Round) =>
    round.override?.choice === instead
      ? `is decided: ${instead}`
      : `waits for a second person, who has to override it with ${instead} as well`;
  const now =
    'action' in answer
      ? `is ${answer.action.status}${answer.action.compensation?.due === true ? bad(', and to be undone') : ''}`
      : decided(answer.round);
  print(`${bold(id)} ${now}  ${dim(`${receipt.stream}@${receipt.version}  ${shortHash(receipt.hash ?? '')}`)}`);
}
