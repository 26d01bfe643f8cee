import { parseCommitRef, parseStream } from '../../domain/kernel/ids';
import { type NoteKey, parseVerifierKeys } from '../../domain/kernel/note';
import { bold, call, type Context, count, dim, print, printJson, printTable, UsageError } from '../terminal';

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
  if (keys === true) {
    // An empty file would be taken for the keys.
    if (answer.keys.length === 0)
      throw new UsageError('the log was not signed yet', `\`${call()} checkpoint\` signs it; then it has a key.`);
    return printKeys(answer.keys);
  }
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

/** Verifier keys, each below a comment that says what it is: verifiers skip it. */
function printKeys(keys: readonly string[]): void {
  const marked = keys.map((key) => ({ key, isOfVault: typeOf(key) === 'ecdsa-p256' }));
  const hasVault = marked.some(({ isOfVault }) => isOfVault);
  for (const { key, isOfVault } of marked) {
    print(isOfVault ? OF_VAULT : hasVault ? BESIDE_VAULT : OF_HOST);
    print(key);
  }
}

const OF_VAULT = '# ECDSA, of a vault that never gives it away: pin this one alone';
const BESIDE_VAULT =
  '# Ed25519, of the settings, so whoever reads them can sign: do not pin it beside that of the vault';
const OF_HOST = '# Ed25519, of the host: pin this one';

function typeOf(key: string): NoteKey['type'] | undefined {
  const parsed = parseVerifierKeys(key);
  return 'fault' in parsed ? undefined : parsed.keys[0]?.type;
}

/** Prints the proof that a receipt is in the log. */
export async function proof({ client }: Context, { receipt }: ProofInput): Promise<void> {
  const place = parseCommitRef(receipt);
  if (place === undefined || place.stream.split('/').length !== 3)
    throw new UsageError(`${receipt} is no receipt`, 'Give stream@index, as receipts show it.');
  const { category, id } = parseStream(place.stream);
  process.stdout.write(await client.checkpoints.prove(category, id, place.index));
}
