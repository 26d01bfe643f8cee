/** What looks like a secret, what does not, and how long it takes to say so. */
import fc from 'fast-check';
import { mayHoldSecret, secretIn, secretsIn } from '../../domain/kernel/secrets';

/** Put together here, so that nobody's search for secrets finds this file. */
const of = (...parts: string[]) => parts.join('');
const LETTERS = 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6';
const SECRETS: readonly (readonly [string, string])[] = [
  ['a private key', of('-----BEGIN RSA ', 'PRIVATE KEY-----\nMIIEpAIBAAKCAQEA')],
  ['a private key', of('-----BEGIN ', 'PRIVATE KEY-----')],
  ['a private key', of('-----BEGIN OPENSSH ', 'PRIVATE KEY-----')],
  ['a private key', of('-----BEGIN PGP ', 'PRIVATE KEY BLOCK-----')],
  ['a private key', Buffer.from(of('-----BEGIN EC ', 'PRIVATE KEY-----\nMHc')).toString('base64')],
  ['an access key of AWS', of('AKIA', 'IOSFODNN7EXAMPLE')],
  ['a token of GitHub', of('ghp_', LETTERS.slice(0, 36))],
  ['a token of GitHub', of('github_pat_', LETTERS.slice(0, 22), '_', LETTERS)],
  ['a token of GitLab', of('glpat-', LETTERS.slice(0, 20))],
  ['a token of Slack', of('xoxb-', '123456789012-', '123456789012-', LETTERS.slice(0, 24))],
  ['a webhook of Slack', of('https://hooks.slack.com/', 'services/T0AAAAAAA/B0AAAAAAA/', LETTERS.slice(0, 24))],
  ['a key of Azure', of('AccountName=a;Account', 'Key=', LETTERS, LETTERS.slice(0, 34), '==')],
  ['a key of Azure', of('Endpoint=sb://a;SharedAccess', 'Key=', LETTERS, '=')],
  ['a shared access signature of Azure', of('https://a.blob.core.windows.net/c?sv=1&s', 'ig=', LETTERS, '%3D')],
  ['a client secret of Entra ID', of('abc8', 'Q~', LETTERS.slice(0, 34))],
  ['a key of Google', of('AI', 'za', LETTERS.slice(0, 35))],
  ['a key of Stripe', of('sk_', 'live_', LETTERS.slice(0, 24))],
  ['a key of a model provider', of('sk-', 'proj-', LETTERS)],
  ['a key of a model provider', of('sk-', LETTERS.slice(0, 48))],
  ['a token of npm', of('npm_', LETTERS.slice(0, 36))],
  ['an owner’s key of Formicary', of('fmo_', LETTERS)],
  ['a signed token (JWT)', of('eyJhbGciOiJIUzI1NiJ9', '.', 'eyJzdWIiOiIxMjM0NTY3ODkwIn0', '.', LETTERS.slice(0, 43))],
  ['a password in an address', of('postgres://app:', 's3cret!@db.internal:5432/app')],
  ['a password in an address', of('https://ada:', 'byron1815@example.org/')],
  ['a password in a connection string', of('Server=tcp:db;User ID=app;Pass', 'word=hunter2x;Encrypt=True')],
  ['a password in a connection string', of('PW', 'D=hunter2x;UID=app')],
];

test.each(SECRETS)('%s is one, wherever it stands', (name, secret) => {
  for (const text of [secret, `it is ${secret} `, `first\n${secret}`, `("${secret}")`, `key:${secret},`]) {
    expect([text, secretIn(text)]).toEqual([text, name]);
    expect(mayHoldSecret(JSON.stringify({ payload: [text] }))).toBe(true);
  }
});

test('a place is named, and nothing of what stands there', () => {
  const [, secret] = SECRETS[6] as [string, string];
  expect(secretsIn({ payload: { env: ['a', secret], 'a/b': { [secret]: 1 } } }, 10)).toEqual([
    { pointer: '#/payload/env/1', message: 'looks like a token of GitHub' },
    { pointer: '#/payload/a~1b', message: 'has a name that looks like a token of GitHub' },
  ]);
  expect(secretsIn([secret, secret, secret], 2)).toHaveLength(2);
});

test.each([
  'postgres://app:${PASSWORD}@db/app',
  'redis://app:<password>@db',
  'amqp://app:***@queue',
  'https://example.org:8443/a@b?c=d:e',
  'Server=db;Password={password};Encrypt=True',
  'Password: please enter it; then go on',
  'the token begins with eyJ and the key with AKIA',
  'sk-learn-tutorial-for-beginners-and-for-those-who-know-more',
  'risk-0000000000000000000000000000000000000000000000',
  '-----BEGIN CERTIFICATE-----',
  '-----BEGIN PUBLIC KEY-----',
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t',
  '5f3a09c2d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f',
  '018f4d0c-5b6a-7c8d-9e0f-112233445566',
  'default/task/invoice-4711@3',
])('%s is none', (text) => {
  expect(secretIn(text)).toBeUndefined();
  expect(mayHoldSecret(JSON.stringify(text))).toBe(false);
});

test('any JSON that holds none is looked at no further, and what is looked at is found only there', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      if (!mayHoldSecret(JSON.stringify(value))) expect(secretsIn(value, 1)).toEqual([]);
    }),
  );
});

test('it takes time in proportion to the text, whatever it repeats', () => {
  const starts = [
    'eyJ',
    'eyJaaaaaaaaaaaa.',
    '://',
    '://aaaa:',
    '-----BEGIN ',
    ';Password=',
    'sk-',
    '?sig=aaaa',
    'AKIA',
    'xoxb-aaaaaaaa-',
  ];
  const took = (text: string) => {
    const times = Array.from({ length: 5 }, () => {
      const began = process.cpuUsage().user;
      mayHoldSecret(text);
      return process.cpuUsage().user - began;
    });
    return Math.min(...times);
  };
  for (const start of starts) {
    const [short, long] = [50_000, 800_000].map((length) => took(start.repeat(length / start.length)));
    // Sixteen times the text: 256 times as long if it were quadratic. A millisecond is about what can be told.
    expect([start, (long as number) / Math.max(short as number, 1_000) < 100]).toEqual([start, true]);
  }
});
