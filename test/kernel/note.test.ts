import { Ed25519LogSigner } from '../../adapters/receipts/signer';
import {
  checkpointText,
  noteOf,
  openCheckpoint,
  openNote,
  parseVerifierKeys,
  type VerifierKeys,
} from '../../domain/kernel/note';

/** The example of c2sp.org/signed-note. */
const EXAMPLE_KEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const EXAMPLE =
  'This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n';

function key(text: string): VerifierKeys {
  const parsed = parseVerifierKeys(text);
  if ('fault' in parsed) throw new Error(parsed.fault);
  return parsed;
}

const signer = new Ed25519LogSigner(Buffer.alloc(32, 7).toString('base64'));
const [vkey] = signer.verifierKeys('host/log/a') as [string];
const root = Buffer.alloc(32, 1);
const signed = (origin: string, as = origin) => {
  const text = checkpointText({ origin, size: 3, root });
  return noteOf(text, signer.sign(as, text));
};

test('the example of the format holds', () => {
  expect(openNote(EXAMPLE, key(EXAMPLE_KEY))).toEqual({ text: 'This is an example message.\n' });
});

test.each<[string, string, string]>([
  ['an altered text', EXAMPLE.replace('example message', 'example massage'), 'forged'],
  ['an altered signature', EXAMPLE.replace('Ok8n8srV1', 'Ok8n8srV2').replace('kn8srV1', 'kn8srV2'), 'forged'],
  ['a line by another key alone', EXAMPLE.replace('example.com/foo Uw', 'example.com/bar Uw'), 'other-key'],
  ['no signature', 'This is an example message.\n', 'forged'],
  ['a control character', EXAMPLE.replace('an example', 'an\texample'), 'forged'],
])('%s is not believed', (_, note, kind) => {
  expect(openNote(note, key(EXAMPLE_KEY))).toMatchObject({ kind });
});

test('the keys of others are read: that of Rekor, whose id is that of the key alone', () => {
  const rekor =
    'rekor.sigstore.dev+c0d23d6a+AjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNhtmPtrWm3U1eQXBogSMdGvXwBcK5AW5i0hrZLOC96l+smGNM7nwZ4QvFK/4sueRoVj//QP22Ni4Qt9DPfkWLc=';
  expect(key(rekor)).toMatchObject({ name: 'rekor.sigstore.dev', keys: [{ type: 'ecdsa-p256', id: 'c0d23d6a' }] });
  expect(parseVerifierKeys(rekor.replace('c0d23d6a', 'c0d23d6b'))).toHaveProperty('fault');
  expect(parseVerifierKeys(rekor.replace('kWLc=', 'kWLd='))).toHaveProperty('fault');
});

test('what is said about keys in lines of their own is skipped; that alone is no key', () => {
  expect(key(`# of an example\n\n${EXAMPLE_KEY}\r\n  # pin it\n`)).toEqual(key(EXAMPLE_KEY));
  for (const none of ['', '\n', '# pin this one\n']) expect(parseVerifierKeys(none)).toHaveProperty('fault');
});

test('of several keys one is enough, and none may be wrong', () => {
  const keys = key(
    `${EXAMPLE_KEY}\n${new Ed25519LogSigner(Buffer.alloc(32, 3).toString('base64')).verifierKeys('example.com/foo')[0]}\n`,
  );
  expect(keys.keys).toHaveLength(2);
  expect(openNote(EXAMPLE, keys)).toEqual({ text: 'This is an example message.\n' });
  const id = Buffer.from(keys.keys[1]?.id ?? '', 'hex');
  const wrong = `${EXAMPLE}\u2014 example.com/foo ${Buffer.concat([id, Buffer.alloc(64, 1)]).toString('base64')}\n`;
  expect(openNote(wrong, keys)).toMatchObject({ kind: 'forged' });
  expect(openNote(wrong, key(EXAMPLE_KEY))).toHaveProperty('text');
  expect(parseVerifierKeys(`${EXAMPLE_KEY}\n${vkey}`)).toHaveProperty('fault');
});

test('a line by an unknown key says nothing', () => {
  const both = `${EXAMPLE}\u2014 other ${Buffer.alloc(70, 9).toString('base64')}\n`;
  expect(openNote(both, key(EXAMPLE_KEY))).toEqual({ text: 'This is an example message.\n' });
});

test('what was signed is opened by the key of that log', () => {
  expect(openCheckpoint(signed('host/log/a'), key(vkey))).toEqual({ origin: 'host/log/a', size: 3, root });
});

test('a checkpoint of another log, signed in the name of this one, is not of this one', () => {
  expect(openCheckpoint(signed('host/log/b', 'host/log/a'), key(vkey))).toMatchObject({ kind: 'other-key' });
  expect(openCheckpoint(signed('host/log/b'), key(vkey))).toMatchObject({ kind: 'other-key' });
});

test.each([
  'x',
  'name+00000000+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
  'na me+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
  'example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
])('%s is no key', (text) => {
  expect(parseVerifierKeys(text)).toHaveProperty('fault');
});
