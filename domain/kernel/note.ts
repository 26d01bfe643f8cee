/**
 * Signed notes and checkpoints as C2SP defines them (c2sp.org/signed-note, c2sp.org/tlog-checkpoint): a text, an empty
 * line, and lines with signatures. A line by a key that is not known says nothing; one by a key that is known must
 * hold.
 */
import { createPublicKey, hash, verify } from 'node:crypto';

/** The type of an Ed25519 signature. */
const ED25519 = 1;
const ED25519_KEY_BYTES = 32;
const KEY_ID_BYTES = 4;
/** Signatures that are looked at. */
const MAX_SIGNATURES = 16;
const MAX_NOTE = 64 * 1024;

/** A key that signatures are verified with. */
export interface VerifierKey {
  readonly name: string;
  /** 8 hexadecimal digits. */
  readonly id: string;
  /** 32 bytes, Ed25519. */
  readonly key: Buffer;
}

/** The head of a log: so many leaves, and the root over them. */
export interface Checkpoint {
  /** Which log it is. */
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

/** The id of an Ed25519 key under a name. */
function keyId(name: string, key: Buffer): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([ED25519]), key]), 'buffer').subarray(
    0,
    KEY_ID_BYTES,
  );
}

/** Whether a key or a log may have this name. */
export function isNoteName(name: string): boolean {
  return name !== '' && !/[\s+\u0000-\u001f]/u.test(name);
}

/** A verifier key as text: `name+id+base64`. */
export function verifierKey(name: string, key: Buffer): string {
  return `${name}+${keyId(name, key).toString('hex')}+${Buffer.concat([Buffer.from([ED25519]), key]).toString('base64')}`;
}

/** Reads a verifier key of an Ed25519 key; says in words what is wrong with another text. */
export function parseVerifierKey(text: string): VerifierKey | { readonly fault: string } {
  const [, name = '', id = '', encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text) ?? [];
  const bytes = base64(encoded);
  if (!isNoteName(name) || bytes === undefined)
    return { fault: 'is no verifier key: it looks like name+1a2b3c4d+AbC…=' };
  if (bytes[0] !== ED25519 || bytes.length !== ED25519_KEY_BYTES + 1)
    return { fault: 'is not the key of an Ed25519 signature, which alone is verified here' };
  const key = bytes.subarray(1);
  if (keyId(name, key).toString('hex') !== id)
    return { fault: `is damaged: its id is ${id}, its name and key have ${keyId(name, key).toString('hex')}` };
  return { name, id, key };
}

/** The line of an Ed25519 signature. */
export function signatureLine(name: string, key: Buffer, signature: Buffer): string {
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

/** The text of a note that the key has signed; else why it is not to be believed. */
export function openNote(note: string, by: VerifierKey): { readonly text: string } | NoteFault {
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
    if (name !== by.name || id !== by.id) {
      others.push(`${name}+${id}`);
      continue;
    }
    if (!verify(null, Buffer.from(text), publicKey(by.key), bytes.subarray(KEY_ID_BYTES)))
      return {
        kind: 'forged',
        fault: `has a signature in the name of ${name} that does not fit: it was forged or altered`,
      };
    signed = true;
  }
  return signed
    ? { text }
    : {
        kind: 'other-key',
        fault: `is not signed by ${by.name}+${by.id} but by ${others.join(', ')}: another key, or another log`,
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

/** A checkpoint of the log that the key is named after, signed by that key; else why it is not to be believed. */
export function openCheckpoint(note: string, by: VerifierKey): Checkpoint | NoteFault {
  const opened = openNote(note, by);
  if ('fault' in opened) return opened;
  const checkpoint = parseCheckpoint(opened.text);
  if (checkpoint === undefined) return { kind: 'forged', fault: 'is signed, and no checkpoint' };
  if (checkpoint.origin !== by.name)
    return { kind: 'other-key', fault: `is of the log ${checkpoint.origin}, not of ${by.name}` };
  return checkpoint;
}

function publicKey(key: Buffer) {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') }, format: 'jwk' });
}

/** Strictly: one text for the same bytes. */
function base64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length > 0 && bytes.toString('base64') === text ? bytes : undefined;
}
