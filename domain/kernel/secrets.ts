/**
 * What looks like a secret: keys, tokens and passwords of well-known shapes. A log that is never rewritten, and that
 * many read, is no place for one. What has no shape (a password alone) can't be known.
 *
 * Every pattern takes time in proportion to the text: what repeats is bounded, or can begin at one place of a run
 * alone.
 */
import { jsonPointer } from './json';

/** No placeholder: `***`, `xxxx`, `${PASSWORD}`, `{password}`, `<password>`, `%PASSWORD%`, `[hidden]`. */
const REAL = String.raw`(?!\*|x{3,}|[xX]+[@;"]|\$\{|\$\(|\{|<|%\w+%|\[)`;

/**
 * A pattern that begins with this text, where no letter, digit, `_` or `-` stands before it; one that an escape of JSON
 * ends with, such as `\n`, is none. The text comes first, and what stands before it is looked at behind: so most places
 * are passed by at one look.
 */
const begins = (text: string) => `${text}(?<!(?<!\\\\)[\\w-]${text})`;

const SHAPES: readonly (readonly [name: string, pattern: string])[] = [
  ['a private key', String.raw`-----BEGIN [A-Z ]{0,30}PRIVATE KEY`],
  // The same in base64, as files of settings have it.
  ['a private key', 'LS0tLS1CRUdJTi(?:BQUklWQVRF|BSU0EgUFJJVkFURS|BFQyBQUklWQVRF|BPUEVOU1NI|BFTkNSWVBURUQg)'],
  ['an access key of AWS', `${begins('A[KS]IA')}[A-Z2-7]{16}(?![A-Za-z0-9])`],
  ['a token of GitHub', `${begins('gh[pousr]_')}[A-Za-z0-9]{36}|${begins('github_pat_')}[A-Za-z0-9]{22}_`],
  ['a token of GitLab', String.raw`${begins('glpat-')}[\w-]{20}`],
  ['a token of Slack', `${begins('xox[abeoprs]-')}[A-Za-z0-9]{8,64}-[A-Za-z0-9-]{8}`],
  ['a webhook of Slack', String.raw`hooks\.slack\.com\\?/services\\?/T\w{5,20}\\?/B\w{5,20}\\?/\w{16}`],
  ['a key of Azure', String.raw`A(?:ccount|ccess)Key=[A-Za-z0-9+/\\]{40}`],
  ['a shared access signature of Azure', String.raw`sig=(?:[A-Za-z0-9]|%2[BFbf]|[+/]){43}`],
  ['a client secret of Entra ID', String.raw`Q~(?<=[\w~.-]{3}\dQ~)[\w~.-]{31}`],
  ['a key of Google', String.raw`${begins('AIza')}[\w-]{35}`],
  ['a key of Stripe', `${begins('[rs]k_live_')}[A-Za-z0-9]{20}`],
  ['a key of a model provider', String.raw`${begins('sk-')}(?:(?:proj|ant|svcacct|admin)-[\w-]{20}|[A-Za-z0-9]{40})`],
  ['a token of npm', `${begins('npm_')}[A-Za-z0-9]{36}`],
  ['a token of PyPI', String.raw`${begins('pypi-AgE')}[\w-]{40}`],
  ['an owner’s key of Formicary', String.raw`${begins('fmo_')}[\w-]{40}`],
  ['a signed token (JWT)', String.raw`${begins('eyJ')}[\w-]{10,8192}\.eyJ[\w-]{10,65536}\.[\w-]{16}`],
  ['a password in an address', String.raw`:\\?/\\?/[^\s:/?#@"\\]{0,128}:${REAL}[^\s/?#@"\\]{1,256}@`],
  [
    'a password in a connection string',
    String.raw`;\s?(?:[Pp]assword|PASSWORD|[Pp]wd|PWD)\s?=\s?${REAL}[^;"\s\\]{4,128}|(?:assword|ASSWORD|wd|WD)=(?<=[Pp]assword=|PASSWORD=|[Pp]wd=|PWD=)${REAL}[^;"\s\\]{4,128};`,
  ],
];

const NAMED = SHAPES.map(([name, pattern]) => [name, new RegExp(pattern)] as const);
const ANY = new RegExp(SHAPES.map(([, pattern]) => pattern).join('|'));

/** Where a secret seems to be, as what; nothing of it is repeated. */
export interface SecretFound {
  /** JSON Pointer as a URI fragment. */
  readonly pointer: string;
  readonly message: string;
}

/** Whether text of JSON may hold a secret: escapes can hide one. */
export function mayHoldSecret(text: string): boolean {
  return ANY.test(text) || text.includes('\\u');
}

/** What in a value looks like a secret, names of fields too; at most `most`. */
export function secretsIn(value: unknown, most: number): SecretFound[] {
  const found: SecretFound[] = [];
  look(value, [], found, most);
  return found;
}

/** What a text looks like; undefined when it looks like no secret. */
export function secretIn(text: string): string | undefined {
  return ANY.test(text) ? NAMED.find(([, pattern]) => pattern.test(text))?.[0] : undefined;
}

function look(value: unknown, path: readonly (string | number)[], found: SecretFound[], most: number): void {
  if (found.length >= most) return;
  if (typeof value === 'string') {
    const shape = secretIn(value);
    if (shape !== undefined) found.push({ pointer: jsonPointer(path), message: `looks like ${shape}` });
  } else if (Array.isArray(value)) value.forEach((item, i) => look(item, [...path, i], found, most));
  else if (typeof value === 'object' && value !== null)
    for (const [name, member] of Object.entries(value)) {
      const shape = secretIn(name);
      // The pointer to the member would repeat it.
      if (shape !== undefined)
        found.push({ pointer: jsonPointer(path), message: `has a name that looks like ${shape}` });
      else look(member, [...path, name], found, most);
    }
}
