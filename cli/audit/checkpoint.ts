import { parseCommitRef, parseStream } from '../../domain/kernel/ids';
import { bold, type Context, count, dim, print, printJson, printTable, UsageError } from '../terminal';

export interface CheckpointInput {
  readonly list?: boolean;
  readonly keys?: boolean;
}

export interface ProofInput {
  readonly receipt: string;
}

/** Signs what is in the log now, and prints it; or shows what was signed, or the keys. */
export async function checkpoint({ client, json }: Context, { list, keys }: CheckpointInput): Promise<void> {
  if (list !== true && keys !== true) {
    const answer = await client.checkpoints.make();
    if (json) return printJson(answer);
    process.stdout.write(answer.checkpoint.note);
    return;
  }
  const answer = await client.checkpoints.list({ limit: 200 });
  if (json) return printJson(answer);
  if (keys === true) return answer.keys.forEach((key) => print(key));
  if (answer.value.length === 0) return print('There is no checkpoint yet.');
  printTable(
    ['TIME', 'LEAVES', 'STREAMS', 'ROOT', 'RECEIPT'],
    answer.value.map(({ at, size, heads, root, receipt }) => [
      at,
      bold(String(size)),
      String(heads.count),
      dim(root.slice(0, 12)),
      receipt,
    ]),
  );
  if (answer.nextLink !== undefined) print(dim(`and more: ${count(answer.value.length, 'checkpoint')} are shown`));
}

/** Prints the proof that a receipt is in the log. */
export async function proof({ client }: Context, { receipt }: ProofInput): Promise<void> {
  const place = parseCommitRef(receipt);
  if (place === undefined || place.stream.split('/').length !== 3)
    throw new UsageError(`${receipt} is no receipt`, 'Give stream@index, as receipts show it.');
  const { category, id } = parseStream(place.stream);
  process.stdout.write(await client.checkpoints.prove(category, id, place.index));
}
