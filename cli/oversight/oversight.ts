import type { OversightRules } from '../../client/client';
import { jsonOf } from '../json';
import { bold, call, type Context, dim, print, printJson, printTable, shortHash, UsageError } from '../terminal';

export interface OversightInput {
  readonly kind?: string;
  readonly set?: string;
}

/** Shows the rules by which actions are let go, put to agents, or to people; or sets those of a kind. */
export async function oversight(context: Context, { kind, set }: OversightInput): Promise<void> {
  const { client, json } = context;
  if (set !== undefined) {
    if (kind === undefined)
      throw new UsageError(
        'name the KIND whose rules are to be set',
        `For example: ${call()} oversight erp.order --set @rules.json`,
      );
    const answer = await client.oversight.set(
      kind,
      (await jsonOf('--set', set, '{"mode":"human_approval",…}')) as OversightRules,
    );
    if (json) return printJson(answer);
    const { receipt } = answer;
    return print(
      `The rules of ${bold(kind)} are set  ${dim(`${receipt.stream}@${receipt.version}  ${shortHash(receipt.hash ?? '')}`)}`,
    );
  }
  if (kind !== undefined) return printJson((await client.oversight.get(kind)).rules);
  const { value } = await client.oversight.list();
  if (json) return printJson(value);
  printTable(
    ['KIND', 'MODE', 'A PERSON FROM IMPACT', 'AGENTS VOTE', 'APPROVERS', 'IF NOBODY DECIDES'],
    value.map(({ kind: name, rules }) => [
      bold(name),
      rules.mode,
      rules.thresholds.impact,
      rules.round?.when ?? 'never',
      rules.approvers.map(({ group }) => group).join(', then '),
      rules.safe_default,
    ]),
    [],
    'No kind has rules of its own: people decide on every action.',
  );
}
