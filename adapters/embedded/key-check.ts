/**
 * Holds the keys of a data folder against what it holds. A host that goes on with others seals what nobody opens who
 * has the kept ones, and signs what looks like fraud to whoever trusts the first: neither is ever undone.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type LogEvent, logStream, type SignedCheckpoint } from '../../domain/audit/log';
import { AlteredReceipt, unsealAt } from '../../domain/kernel/commit';
import { ed25519Of } from '../../domain/kernel/ed25519';
import { parseStream } from '../../domain/kernel/ids';
import { unwrapKey } from '../../domain/kernel/key-wrap';
import { noteKeyOf, openNote, parseVerifierKeys, verifierKey } from '../../domain/kernel/note';
import { OF_TENANT, subjectStream } from '../../domain/personal/subject';
import { LOG_KEY_FILE, PERSONAL_KEY_FILE, readKey } from './key-files';
import { hasLog, openLog } from './log';
import { FileSubjectKeys, SUBJECT_KEYS_FOLDER } from './subject-keys';

/** A key that is not the one which sealed or signed what the folder holds: it is not there, or it is another. */
export interface KeyFault {
  /** The file in which the folder has it, unless a setting gives it. */
  readonly file: string;
  readonly fault: 'missing' | 'other';
}

/** What a host has in place of the files, in base64. */
export interface KeysGiven {
  readonly personal?: string;
  /** What has wrapped before, and only unwraps. */
  readonly personalBefore?: readonly string[];
  readonly log?: string;
}

/**
 * Holds the keys of a folder against what it holds: one of them has to unwrap a tenant's key, and the newest checkpoint
 * has to be signed by that of the log. Changes nothing. A folder that nobody can read has no faults here: whoever opens
 * it says so.
 */
export async function keyFaults(folder: string, given: KeysGiven = {}): Promise<readonly KeyFault[]> {
  const personal = [
    given.personal ?? readKey(join(folder, PERSONAL_KEY_FILE)) ?? [],
    given.personalBefore ?? [],
  ].flat();
  const log = given.log ?? readKey(join(folder, LOG_KEY_FILE));
  const held = await heldIn(folder);
  const faults: KeyFault[] = [];
  if (personal.length === 0 ? held.hasSubjectKeys : !unwrapsAny(personal, held.tenantKeys))
    faults.push({ file: PERSONAL_KEY_FILE, fault: personal.length === 0 ? 'missing' : 'other' });
  if (log === undefined ? held.isSigned : held.newest !== undefined && !hasSigned(log, held.newest))
    faults.push({ file: LOG_KEY_FILE, fault: log === undefined ? 'missing' : 'other' });
  return faults;
}

/** What keys were used for in a folder. */
interface Held {
  readonly hasSubjectKeys: boolean;
  /** Wrapped, with the place that each is for. */
  readonly tenantKeys: readonly { readonly place: string; readonly wrapped: Uint8Array }[];
  readonly isSigned: boolean;
  readonly newest?: Signed;
}

/** A checkpoint, and the position of its receipt. */
interface Signed extends Pick<SignedCheckpoint, 'origin' | 'note'> {
  readonly position: number;
}

async function heldIn(folder: string): Promise<Held> {
  const keysFolder = join(folder, SUBJECT_KEYS_FOLDER);
  const hasSubjectKeys = existsSync(keysFolder) && readdirSync(keysFolder).length > 0;
  const { tenants, ...signed } = loggedIn(folder);
  const keys = new FileSubjectKeys(folder);
  const tenantKeys = [];
  for (const tenant of hasSubjectKeys ? tenants : []) {
    const wrapped = await keys.find(tenant, OF_TENANT);
    if (wrapped instanceof Uint8Array) tenantKeys.push({ place: subjectStream(tenant, OF_TENANT), wrapped });
  }
  return { hasSubjectKeys, tenantKeys, ...signed };
}

interface Logged extends Pick<Held, 'isSigned' | 'newest'> {
  readonly tenants: readonly string[];
}

const NOTHING: Logged = { tenants: [], isSigned: false };

/** The tenants of a log, and its newest checkpoint, of whichever of them. */
function loggedIn(folder: string): Logged {
  if (!hasLog(folder)) return NOTHING;
  const log = openLog(folder);
  try {
    const next = log.database.prepare('SELECT stream FROM commits WHERE stream > ? ORDER BY stream LIMIT 1');
    const last = log.database.prepare(
      'SELECT position, stream, idx AS "index", hash, body FROM commits WHERE stream = ? ORDER BY idx DESC LIMIT 1',
    );
    const tenants: string[] = [];
    let isSigned = false;
    let newest: Signed | undefined;
    // One look a tenant: all of its streams lie between `tenant/` and `tenant0`.
    for (let first = next.get(''); first !== undefined; first = next.get(`${tenants.at(-1)}0`)) {
      const { tenant } = parseStream(String(first['stream']));
      tenants.push(tenant);
      const row = last.get(logStream(tenant)) as CheckpointRow | undefined;
      isSigned ||= row !== undefined;
      const signed = row && signedIn(row);
      if (signed !== undefined && signed.position > (newest?.position ?? 0)) newest = signed;
    }
    return { tenants, isSigned, newest };
  } catch {
    return NOTHING;
  } finally {
    log.close();
  }
}

interface CheckpointRow {
  readonly position: number;
  readonly stream: string;
  readonly index: number;
  readonly hash: string;
  readonly body: string;
}

/** One that was altered says nothing of who signed it. */
function signedIn(row: CheckpointRow): Signed | undefined {
  try {
    const [signed] = unsealAt(row, row.body, row.hash).events as readonly LogEvent[];
    return signed && { ...signed.data, position: row.position };
  } catch (error) {
    if (error instanceof AlteredReceipt) return undefined;
    throw error;
  }
}

/** True where there are none: a folder of before tenants had keys shows nothing to compare with. */
function unwrapsAny(keys: readonly string[], wrapped: Held['tenantKeys']): boolean {
  const tried = wrapped.flatMap((each) => keys.map((key) => ({ ...each, by: Buffer.from(key, 'base64') })));
  return (
    tried.length === 0 || tried.some(({ by, place, wrapped }) => succeeds(() => unwrapKey(by, place, wrapped) !== null))
  );
}

function hasSigned(key: string, { origin, note }: Signed): boolean {
  return succeeds(() => {
    const keys = parseVerifierKeys(verifierKey(origin, noteKeyOf(ed25519Of(Buffer.from(key, 'base64')))));
    return !('fault' in keys) && 'text' in openNote(note, keys);
  });
}

/** A file that holds no key is another than the right one. */
function succeeds(attempt: () => boolean): boolean {
  try {
    return attempt();
  } catch {
    return false;
  }
}
