import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { DpopKey, Formicary, FormicaryError } from '../../client/client';
import type { BindingLevel } from '../../domain/identity/access';
import { MIN_SECRET, OWNERS_KEY_PREFIX, ownersKeyTextOf } from '../../domain/kernel/identity-secret';
import type { Level } from '../../domain/kernel/principal';
import { credentialsFor, keepLogin, loginsFile } from '../credentials';
import { ago, bold, CALL, type Context, dim, note, print, printJson, printTable, said, UsageError } from '../terminal';

export interface LoginInput {
  readonly show?: boolean;
}

/** Asks for the owner's key of a host, tries it, and keeps it; or prints the one that is used here. */
export async function login({ globals, json }: Context, { show = false }: LoginInput): Promise<void> {
  if (show) return await showKey(globals.url, json);
  const given = (await keyGiven(globals.url)).trim();
  const isSecret = !given.startsWith(OWNERS_KEY_PREFIX) && given.length >= MIN_SECRET;
  const key = isSecret ? ownersKeyTextOf(given) : given;
  if (key === '') throw new UsageError('no key was given', 'The first start of a host prints the key of its owner.');
  const client = new Formicary({ url: globals.url, credentials: { key } });
  try {
    const me = await client.identity.me();
    keepLogin(globals.url, key);
    if (json) return printJson({ url: globals.url, id: me.id, kept: loginsFile() });
    print(`${bold(said(me.id))} at ${globals.url}  ${dim(`kept in ${loginsFile()}`)}`);
  } finally {
    client.close();
  }
}

/** The key alone goes to the output: the window asks for it. Several are known where nobody has said which is meant. */
async function showKey(url: string, json: boolean): Promise<void> {
  const found = credentialsFor(url);
  const keys = found !== undefined && 'key' in found ? [found.key].flat() : [];
  for (const key of keys) {
    const client = new Formicary({ url, credentials: { key } });
    try {
      await client.identity.me();
      return json ? printJson({ url, key }) : print(key);
    } catch (error) {
      if (!(error instanceof FormicaryError && error.status === 401)) throw error;
    } finally {
      client.close();
    }
  }
  throw new UsageError(
    `no owner's key of ${url} is known here`,
    'Ask for it in the folder of the host, as the user that runs it.',
  );
}

/** Forgets the key of a host. */
export async function logout({ globals, json }: Context): Promise<void> {
  const known = keepLogin(globals.url, undefined);
  if (json) return printJson({ url: globals.url, forgotten: known });
  print(known ? `The key of ${globals.url} is forgotten.` : `There was no key of ${globals.url}.`);
  await Promise.resolve();
}

/** Shows who the host takes the caller for. */
export async function whoami({ client, json }: Context): Promise<void> {
  const me = await client.identity.me();
  if (json) return printJson(me);
  print(`${bold(said(me.id))}  ${me.kind}, ${me.level}, in ${bold(said(me.tenant))}`);
  if (me.groups.length > 0) print(`in the groups ${me.groups.map(said).join(', ')}`);
  if (me.via !== undefined) print(`${said(me.via)} acts in this name`);
  if (me.token === undefined) return;
  const { session, expires, jkt, level_if_bound: bound } = me.token;
  print(dim(`session ${session}, until ${expires}${jkt === undefined ? '' : `, bound to the key ${jkt}`}`));
  if (bound !== undefined) print(`It would be ${bound} if the token were bound to a key, which the tenant demands.`);
}

export interface TokenInput {
  readonly subject: string;
  readonly level?: Level;
  readonly type?: string;
  readonly boundTo?: string;
}

/** Gives a token: it alone goes to the output, for whoever is started with it. */
export async function token({ client, json }: Context, input: TokenInput): Promise<void> {
  const { subject, level, type, boundTo } = input;
  const given = await client.identity.issue({ subject, level, agent_type: type, dpop_jkt: boundTo });
  if (json) return printJson(given);
  if (process.stdout.isTTY) note(`${given.level}, session ${given.session}; renewed by its holder for a day`);
  print(given.access_token);
}

export interface RevokeInput {
  readonly principal?: string;
  readonly session?: string;
  readonly all?: boolean;
  readonly reason?: string;
}

/** Takes tokens back, or shows whose are. */
export async function revoke({ client, json }: Context, input: RevokeInput): Promise<void> {
  const { principal, session, all, reason } = input;
  const named = [principal, session, all].filter((one) => one !== undefined).length;
  if (named > 1) throw new UsageError('name a principal, or --session, or --all: one of them');
  if (named === 0) return await showRevoked(client, json);
  if (reason === undefined) throw new UsageError('say why, with --reason: it stands on the receipt');
  const answer = await client.identity.revoke(
    principal !== undefined
      ? { kind: 'principal', id: principal, reason }
      : session !== undefined
        ? { kind: 'token', id: session, reason }
        : { kind: 'tenant', reason },
  );
  if (json) return printJson(answer);
  const { receipt } = answer;
  print(`Revoked  ${dim(`${receipt.stream}@${receipt.version}, ${ago(receipt.at ?? '')}`)}`);
}

async function showRevoked(client: Formicary, json: boolean): Promise<void> {
  const revoked = await client.identity.revocations();
  if (json) return printJson(revoked);
  const rows = [
    ...revoked.principals.map((id) => [bold(said(id)), 'all tokens that it had']),
    ...revoked.tokens.map(({ session, until }) => [bold(said(session)), `this token, until ${until}`]),
  ];
  printTable(['WHOSE', 'WHAT'], rows, [], 'No token is revoked.');
}

export interface KeyInput {
  readonly file: string;
}

/** Makes a key for DPoP and keeps it; its thumbprint alone goes to the output. */
export async function dpopKey({ json }: Context, { file }: KeyInput): Promise<void> {
  const { privateKey } = generateKeyPairSync('ed25519');
  // A token that is bound to a key that is there already would be lost with it.
  writeFileSync(file, `${JSON.stringify(privateKey.export({ format: 'jwk' }))}\n`, { mode: 0o600, flag: 'wx' });
  const { thumbprint } = new DpopKey(privateKey);
  if (json) return printJson({ file, thumbprint });
  if (process.stdout.isTTY) note(`kept in ${file}; name it with FORMICARY_DPOP_KEY`);
  print(thumbprint);
  await Promise.resolve();
}

export interface DpopInput {
  readonly requireFrom?: BindingLevel | 'nothing';
  readonly reason?: string;
}

/** Shows from which level on tokens have to be bound to a key, or demands it. */
export async function dpop({ client, globals, json }: Context, { requireFrom, reason }: DpopInput): Promise<void> {
  if (requireFrom === undefined) {
    const rule = await client.identity.dpop();
    return json ? printJson(rule) : print(ruleText(rule.required_from));
  }
  if (reason === undefined) throw new UsageError('say why, with --reason: it stands on the receipt');
  const own = credentialsFor(globals.url);
  const { url, tenant, principal } = globals;
  // Whoever demands it shows such a token: the owner's key binds one to itself.
  const credentials = own !== undefined && 'key' in own ? { ...own, bound: true } : own;
  const bound = new Formicary({ url, credentials, tenant, principal });
  try {
    const answer = await bound.identity.setDpop({ required_from: requireFrom, reason });
    if (json) return printJson(answer);
    const { receipt } = answer;
    print(`${ruleText(requireFrom)}  ${dim(`${receipt.stream}@${receipt.version}, ${ago(receipt.at ?? '')}`)}`);
  } finally {
    bound.close();
  }
}

function ruleText(from: BindingLevel | 'nothing'): string {
  return from === 'nothing'
    ? 'Tokens need not be bound to a key.'
    : `What takes ${from === 'execute' ? 'execute or critical' : from} takes a token that is bound to a key.`;
}

/** From whoever types it, unseen; else from the input. */
async function keyGiven(url: string): Promise<string> {
  const isTyped = process.stdin.isTTY;
  if (isTyped) process.stderr.write(`The owner's key of ${url} (\`${CALL} start\` has printed it): `);
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: isTyped ? unseen : undefined, terminal: isTyped });
  try {
    for await (const line of lines) return line;
    return '';
  } finally {
    lines.close();
    if (isTyped) process.stderr.write('\n');
  }
}
