/**
 * Signed notes and checkpoints as C2SP defines them (c2sp.org/signed-note, c2sp.org/tlog-checkpoint): a text, an empty
 * line, and lines with signatures. A line by a key that is not known says nothing; one by a key that is known must
 * hold.
 */
import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';

/** The byte that says what kind of signature it is. */
const TYPES = { ed25519: 1, 'ecdsa-p256': 2 } as const;
const KEY_ID_BYTES = 4;
/** Signatures that are looked at. */
const MAX_SIGNATURES = 16;
const MAX_NOTE = 64 * 1024;

/** A public key that notes are signed with: Ed25519, or ECDSA on P-256 over the SHA-256 of the text. */
export interface NoteKey {
  readonly type: keyof typeof TYPES;
  /** As the format has it: the 32 bytes of an Ed25519 key; an ECDSA key in DER (SubjectPublicKeyInfo). */
  readonly bytes: Buffer;
}

/** A key that signatures are verified with, and whose signatures those are. */
interface VerifierKey extends NoteKey {
  readonly name: string;
  /** 8 hexadecimal digits. */
  readonly id: string;
  readonly key: KeyObject;
}

/** The keys that may sign in one name: one of them is enough, as long as none of their signatures is wrong. */
export interface VerifierKeys {
  readonly name: string;
  readonly keys: readonly [VerifierKey, ...VerifierKey[]];
}

/** The head of a log: so many leaves, and the root over them. */
export interface Checkpoint {
  /** Which log it is. */
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

/** The public half of an Ed25519 key. */
export function noteKeyOf(key: KeyObject): NoteKey {
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  return { type: 'ed25519', bytes: Buffer.from(x as string, 'base64url') };
}

/** The id of a key under a name; that of an ECDSA key is the same under each. */
function keyId(name: string, { type, bytes }: NoteKey): Buffer {
  const named = type === 'ed25519' ? [Buffer.from(`${name}\n`), Buffer.from([TYPES[type]])] : [];
  return hash('sha256', Buffer.concat([...named, bytes]), 'buffer').subarray(0, KEY_ID_BYTES);
}

/** Whether a key or a log may have this name. */
export function isNoteName(name: string): boolean {
  return name !== '' && !/[\s+\u0000-\u001f]/u.test(name);
}

/** A verifier key as text: `name+id+base64`. */
export function verifierKey(name: string, key: NoteKey): string {
  const encoded = Buffer.concat([Buffer.from([TYPES[key.type]]), key.bytes]).toString('base64');
  return `${name}+${keyId(name, key).toString('hex')}+${encoded}`;
}

/** Reads verifier keys, a line each, all of one name; says in words what is wrong with another text. */
export function parseVerifierKeys(text: string): VerifierKeys | { readonly fault: string } {
  const keys: VerifierKey[] = [];
  for (const line of text.split('\n').map((each) => each.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    const parsed = parseVerifierKey(line);
    if ('fault' in parsed) return parsed;
    keys.push(parsed);
  }
  const [first, ...others] = keys;
  if (first === undefined) return { fault: NO_KEY };
  const other = others.find(({ name }) => name !== first.name);
  if (other !== undefined) return { fault: `is of two logs, ${first.name} and ${other.name}: give the keys of one` };
  return { name: first.name, keys: [first, ...others] };
}

const NO_KEY = 'is no verifier key: it looks like name+1a2b3c4d+AbC…=';

function parseVerifierKey(text: string): VerifierKey | { readonly fault: string } {
  const [, name = '', id = '', encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text) ?? [];
  const decoded = base64(encoded);
  if (!isNoteName(name) || decoded === undefined) return { fault: NO_KEY };
  const bytes = decoded.subarray(1);
  const type = (Object.keys(TYPES) as NoteKey['type'][]).find((known) => TYPES[known] === decoded[0]);
  const key = type === undefined ? undefined : publicKey({ type, bytes });
  if (type === undefined || key === undefined)
    return { fault: 'is no key of Ed25519 or of ECDSA on P-256, which alone are verified here' };
  const known = keyId(name, { type, bytes }).toString('hex');
  if (known !== id) return { fault: `is damaged: its id is ${id}, its name and key have ${known}` };
  return { name, id, type, bytes, key };
}

/** The line of a signature by a key: of Ed25519 as it is, of ECDSA in DER. */
export function signatureLine(name: string, key: NoteKey, signature: Buffer): string {
  return `\u2014 ${name} ${Buffer.concat([keyId(name, key), signature]).toString('base64')}`;
}

/** A note of its text, which ends with a line feed, and its signatures. */
export function noteOf(text: string, signatures: readonly string[]): string {
  return `${text}\n${signatures.map((line) => `${line}\n`).join('')}`;
}

/** Why a note is not to be believed: a signature that does not fit, or none by the key. */
export interface NoteFault {
  readonly kind: 'forged' | 'other-key';
  readonly fault: string;
}

/** The text of a note that one of the keys has signed; else why it is not to be believed. */
export function openNote(note: string, by: VerifierKeys): { readonly text: string } | NoteFault {
  const end = note.lastIndexOf('\n\n');

  if (end < 0 || note.length > MAX_NOTE || !note.endsWith('\n') || /[\u0000-\u0009\u000b-\u001f]/u.test(note))
    return { kind: 'forged', fault: 'is no signed note' };
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2, -1).split('\n');
  const others: string[] = [];
  let signed = false;
  for (const line of lines.slice(0, MAX_SIGNATURES)) {
    const [, name = '', encoded = ''] = /^\u2014 (\S+) (\S+)$/u.exec(line) ?? [];
    const bytes = base64(encoded);
    if (bytes === undefined || bytes.length <= KEY_ID_BYTES) return { kind: 'forged', fault: 'is no signed note' };
    const id = bytes.subarray(0, KEY_ID_BYTES).toString('hex');
    const known = by.keys.find((key) => name === key.name && id === key.id);
    if (known === undefined) {
      others.push(`${name}+${id}`);
      continue;
    }
    if (!holds(known, text, bytes.subarray(KEY_ID_BYTES)))
      return {
        kind: 'forged',
        fault: `has a signature in the name of ${name} that does not fit: it was forged or altered`,
      };
    signed = true;
  }
  const wanted = by.keys.map(({ name, id }) => `${name}+${id}`).join(' or ');
  return signed
    ? { text }
    : {
        kind: 'other-key',
        fault: `is not signed by ${wanted} but by ${others.join(', ')}: another key, or another log`,
      };
}

/** The text of a checkpoint. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/** Reads the text of a checkpoint; undefined when it is none. Lines that extend it are left out. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const [origin = '', size = '', encoded = ''] = text.split('\n');
  const root = base64(encoded);
  if (origin === '' || !/^(0|[1-9]\d{0,14})$/.test(size) || root?.length !== 32) return undefined;
  return { origin, size: Number(size), root };
}

/** A checkpoint of the log that the keys are named after, signed by one of them; else why it is not to be believed. */
export function openCheckpoint(note: string, by: VerifierKeys): Checkpoint | NoteFault {
  const opened = openNote(note, by);
  if ('fault' in opened) return opened;
  const checkpoint = parseCheckpoint(opened.text);
  if (checkpoint === undefined) return { kind: 'forged', fault: 'is signed, and no checkpoint' };
  if (checkpoint.origin !== by.name)
    return { kind: 'other-key', fault: `is of the log ${checkpoint.origin}, not of ${by.name}` };
  return checkpoint;
}

/** Undefined when the bytes are no key of this type. */
function publicKey({ type, bytes }: NoteKey): KeyObject | undefined {
  try {
    if (type === 'ed25519')
      return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') }, format: 'jwk' });
    const key = createPublicKey({ key: bytes, format: 'der', type: 'spki' });
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : undefined;
  } catch {
    return undefined;
  }
}

function holds({ type, key }: VerifierKey, text: string, signature: Buffer): boolean {
  return verify(type === 'ed25519' ? null : 'sha256', Buffer.from(text), key, signature);
}

/** Strictly: one text for the same bytes. */
function base64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length > 0 && bytes.toString('base64') === text ? bytes : undefined;
}
