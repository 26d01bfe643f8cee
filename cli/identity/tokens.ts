import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { Formicary } from '../../client/client';
import { MIN_SECRET, OWNERS_KEY_PREFIX, ownersKeyTextOf } from '../../domain/kernel/identity-secret';
import type { Level } from '../../domain/kernel/principal';
import { keepLogin, loginsFile } from '../credentials';
import { ago, bold, CALL, type Context, dim, note, print, printJson, printTable, said, UsageError } from '../terminal';

/** Asks for the owner's key of a host, tries it, and keeps it. */
export async function login({ globals, json }: Context): Promise<void> {
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
  if (me.token !== undefined) print(dim(`session ${me.token.session}, until ${me.token.expires}`));
}

export interface TokenInput {
  readonly subject: string;
  readonly level?: Level;
  readonly type?: string;
}

/** Gives a token: it alone goes to the output, for whoever is started with it. */
export async function token({ client, json }: Context, { subject, level, type }: TokenInput): Promise<void> {
  const given = await client.identity.issue({ subject, level, agent_type: type });
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
