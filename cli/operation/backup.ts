import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type BackedUpFile, backUp, BackupRefused, type Manifest, restore } from '../../adapters/embedded/backup';
import { isDamage } from '../../adapters/embedded/database';
import { KEYS_APART } from '../../adapters/embedded/key-files';
import { FileSubjectKeys } from '../../adapters/embedded/subject-keys';
import { audit } from '../../adapters/embedded/verification';
import { parseStream } from '../../domain/kernel/ids';
import { readJson } from '../../domain/kernel/json';
import { OF_TENANT } from '../../domain/personal/subject';
import { dataFolder, openFolder } from '../log-file';
import { ago, bad, bold, CALL, type Context, count, dim, good, print, printJson, UsageError } from '../terminal';

const VERIFY_ADVICE = `Look with \`${CALL} verify\`; "A damaged file" in docs/operation.md says what to do.`;

/** Backs a data folder up, also while its host runs, and verifies what was written. */
export async function backup(context: Context, { folder, data }: { folder: string; data?: string }): Promise<void> {
  const source = dataFolder(data);
  const target = resolve(folder);
  const manifest = await refusals(() => backUp(source, target, new Date().toISOString(), () => undefined));
  const held = report(context, target, manifest, { backup: target, of: source });
  if (context.json) return;
  print(`${bold(target)}: ${contents(manifest)} of ${source}`);
  printKeysApart('Not in it, to be kept apart from it');
  print(
    held
      ? good('It verifies. Bring it back with: ') + `${CALL} restore ${folder} --data NEW-FOLDER`
      : bad('What was backed up does NOT hold; it is kept all the same.'),
  );
}

/** Makes a data folder out of a backup, and verifies it. */
export async function restoreBackup(
  context: Context,
  { folder, data, erasures = [] }: { folder: string; data: string; erasures?: readonly string[] },
): Promise<void> {
  const erased = erasures.flatMap(erasuresIn);
  const source = resolve(folder);
  const target = resolve(data);
  const manifest = await refusals(() => restore(source, target, () => undefined));
  const keys = new FileSubjectKeys(target);
  for (const { tenant, id } of erased) await keys.destroy(tenant, id);
  const held = report(context, target, manifest, { restored: target, from: source });
  if (context.json) return;
  print(`${bold(target)}: ${contents(manifest)} from a backup of ${manifest.made_at} (${ago(manifest.made_at)})`);
  print(held ? good('Every chain in it holds.') : bad('What was restored does NOT hold.'));
  print(
    dim(
      [
        'What came after the backup is not in it: agents that work for a newer award are refused and take up work anew,',
        'deadlines and leases that ran out meanwhile fire at the start, and whoever read receipts elsewhere may know some',
        'that are no more. Stop all agents before you start the host on it: numbers of awards may be given again.',
      ].join('\n'),
    ),
  );
  printKeysApart(`Put into ${data} before its first start, from where they are kept`);
  print(`Start it with: ${CALL} start --data ${data}`);
}

/** No backup holds the keys: whoever restores without them notices when it is too late. */
function printKeysApart(what: string): void {
  print(`${what}:`);
  for (const { file, lost } of KEYS_APART) print(`  ${file.padEnd(22)}  ${dim(`without it ${lost}`)}`);
}

/** The receipts of people who were erased, or a list of tenants. */
type Erasures =
  | readonly { readonly stream: string }[]
  | { readonly value: readonly { readonly name: string; readonly erased?: object }[]; readonly nextLink?: string };

/**
 * Who was erased after the backup was made: what `formicary personal erasures --all --json` has printed, or of tenants
 * `formicary tenant list --json`.
 */
function erasuresIn(file: string): readonly { readonly tenant: string; readonly id: string }[] {
  try {
    const list = readJson(readFileSync(file)) as Erasures;
    if (!('value' in list)) return list.map(({ stream }) => parseStream(stream));
    if (list.nextLink !== undefined)
      throw new Error('it is one page of several, and whoever is missing is opened again');
    return list.value.filter(({ erased }) => erased !== undefined).map(({ name }) => ({ tenant: name, id: OF_TENANT }));
  } catch (error) {
    throw new UsageError(`${file} is no list of erasures: ${(error as Error).message}`);
  }
}

/** Audits the folder; in JSON it is the answer. True when nothing is wrong. */
function report(context: Context, folder: string, manifest: Manifest, places: Record<string, string>): boolean {
  const log = openFolder(folder);
  try {
    const { streams, commits, faults, blobs, named } = audit(log, undefined, CALL);
    if (faults > 0) context.foundWrong();
    if (context.json)
      printJson({
        ...places,
        made_at: manifest.made_at,
        newest: manifest.newest ?? null,
        bytes: bytesOf(manifest.files),
        streams,
        commits,
        blobs: blobs ?? 0,
        faults,
        named,
      });
    else for (const { kind, message } of named.slice(0, 20)) print(`${bad(kind.padEnd(10))}  ${message}`);
    return faults === 0;
  } finally {
    log.close();
  }
}

function contents({ files, newest }: Manifest): string {
  return `${count(newest?.position ?? 0, 'receipt')} and ${count(files.filter(({ path }) => path.startsWith('blobs/')).length, 'blob')}, ${(bytesOf(files) / 1e6).toFixed(1)} MB,`;
}

function bytesOf(files: readonly BackedUpFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

async function refusals<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BackupRefused) throw new UsageError(error.message);
    if (isDamage(error)) throw new UsageError(`a database is damaged: ${(error as Error).message}`, VERIFY_ADVICE);
    throw error;
  }
}
