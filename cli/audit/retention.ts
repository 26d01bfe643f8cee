import type { RetentionDays } from '../../client/client';
import { jsonOf } from '../json';
import { bold, type Context, count, dim, print, printJson, printTable, shortHash } from '../terminal';

export interface RetentionInput {
  readonly set?: string;
}

/** Shows which streams that have ended may be archived, and when; or sets it. */
export async function retention({ client, json }: Context, { set }: RetentionInput): Promise<void> {
  if (set !== undefined) {
    const answer = await client.retention.set((await jsonOf('--set', set, '{"task":365}')) as RetentionDays);
    if (json) return printJson(answer);
    const { receipt } = answer;
    return print(`The policy is set  ${dim(`${receipt.stream}@${receipt.version}  ${shortHash(receipt.hash ?? '')}`)}`);
  }
  const { days } = await client.retention.get();
  if (json) return printJson({ days });
  const rows = Object.entries(days);
  if (rows.length === 0) return print('No policy is set: nothing is archived.');
  printTable(
    ['STREAMS', 'ARCHIVED'],
    rows.map(([category, given]) => [bold(category), `${count(given, 'day')} after the last receipt, once ended`]),
  );
}
