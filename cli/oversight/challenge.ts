import { bold, type Context, count, dim, print, printJson, shortHash } from '../terminal';

/** Doubts a decision: agents that have no part in it judge in a round. */
export async function challenge(
  { client, json }: Context,
  { receipt: target, reason }: { receipt: string; reason: string },
): Promise<void> {
  const answer = await client.challenge(target, reason);
  if (json) return printJson(answer);
  const { receipt, round } = answer;
  print(
    `${count(round.electorate.voters.length, 'judge')} until ${round.deadline} in the round ${bold(round.id)}  ${dim(`${receipt.stream}@${receipt.version}  ${shortHash(receipt.hash ?? '')}`)}`,
  );
}
