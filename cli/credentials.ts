/** What the command line shows to a host: a token or the owner's key, from where it finds one first. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { readSecret } from '../adapters/embedded/secret';
import { DpopKey, type FormicaryOptions, type KeptTokens } from '../client/client';
import { ownersKeyTextOf } from '../domain/kernel/identity-secret';
import { dataFolders } from './data-folder';

const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;
/** A token that is used up sooner is not shown any more. */
const SHORTEST_SECONDS = 60;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** What is kept of hosts, by their address: the owner's key, and tokens that it was given. */
interface Kept {
  readonly keys: Readonly<Record<string, string>>;
  /** By host, tenant and principal; `until` in milliseconds since the epoch, by this machine's clock. */
  readonly tokens: Readonly<Record<string, { readonly token: string; readonly until: number }>>;
}

export function loginsFile(): string {
  const folder = process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config');
  return join(folder, 'formicary', 'logins.json');
}

/**
 * `FORMICARY_TOKEN`, with the key in the file that `FORMICARY_DPOP_KEY` names; `FORMICARY_KEY`; what `login` has kept
 * for the host; for a host on this machine, the secret of the data folder here. undefined where there is none of it:
 * the host says then what it needs.
 */
export function credentialsFor(url: string): FormicaryOptions['credentials'] {
  const token = process.env['FORMICARY_TOKEN'];
  if (token) {
    const file = process.env['FORMICARY_DPOP_KEY'];
    return file ? { token, dpop: DpopKey.read(readFileSync(file, 'utf8')) } : { token };
  }
  const given = process.env['FORMICARY_KEY'] || readKept().keys[hostOf(url)];
  const key = given ?? keysHere(url);
  return key.length === 0 ? undefined : { key, kept: tokensOf(url, key) };
}

/** Keeps the key of a host, or forgets it. Answers whether one was known before. */
export function keepLogin(url: string, key: string | undefined): boolean {
  const host = hostOf(url);
  const { keys } = readKept();
  const { [host]: before, ...others } = keys;
  write({ keys: key === undefined ? others : { ...others, [host]: key }, tokens: {} });
  return before !== undefined;
}

/** A command is over in a moment: without this each would be given a token of its own, and each of these a receipt. */
function tokensOf(url: string, key: string | readonly string[]): KeptTokens {
  const name = (tenant = '', principal = '') =>
    createHash('sha256')
      .update(JSON.stringify([hostOf(url), key, tenant, principal]))
      .digest('hex');
  return {
    get(tenant, principal) {
      const kept = readKept().tokens[name(tenant, principal)];
      const seconds = ((kept?.until ?? 0) - Date.now()) / 1_000;
      return kept === undefined || seconds < SHORTEST_SECONDS ? undefined : { token: kept.token, seconds };
    },
    put(tenant, principal, token, seconds) {
      const { keys, tokens } = readKept();
      const alive = Object.entries(tokens).filter(([, { until }]) => until > Date.now());
      const kept = { token, until: Date.now() + 1_000 * seconds };
      try {
        write({ keys, tokens: { ...Object.fromEntries(alive), [name(tenant, principal)]: kept } });
      } catch {
        // Where nothing can be kept, the next command asks again.
      }
    },
  };
}

function readKept(): Kept {
  try {
    const { keys = {}, tokens = {} } = JSON.parse(readFileSync(loginsFile(), 'utf8')) as Partial<Kept>;
    return { keys, tokens };
  } catch {
    return { keys: {}, tokens: {} };
  }
}

/** Whole, or not at all; only its owner reads it. */
function write(kept: Kept): void {
  const file = loginsFile();
  mkdirSync(dirname(file), { recursive: true, mode: PRIVATE_FOLDER });
  const passing = `${file}.${process.pid}`;
  writeFileSync(passing, `${JSON.stringify(kept, null, 2)}\n`, { mode: PRIVATE_FILE });
  renameSync(passing, file);
}

/**
 * The owners' keys of the data folders that a host on this machine may have: the one that FORMICARY_DATA names, else
 * the usual ones. A key is never shown, so a wrong one does no harm.
 */
function keysHere(url: string): string[] {
  if (!LOOPBACK.test(URL.parse(url)?.hostname ?? '')) return [];
  return dataFolders().flatMap((folder) => {
    try {
      const secret = readSecret(folder);
      return secret === undefined ? [] : [ownersKeyTextOf(secret)];
    } catch {
      // Not this user's folder: then it is not this user's host.
      return [];
    }
  });
}

/** The same host by another spelling of its address is the same. */
function hostOf(url: string): string {
  return URL.parse(url)?.href.replace(/\/$/, '') ?? url;
}
