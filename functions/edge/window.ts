/**
 * The window: a page for people, and the files that it loads, as `web/build.mjs` has made them. They are the same for
 * everybody and hold no data but where people sign in; what the page shows it asks of the API, with the token of
 * whoever has signed in.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import { markupText } from '../../domain/kernel/text';
import { signIns } from '../runtime';

const PAGE = 'index.html';

/** In what is uploaded to Azure, and where the code is compiled. */
const PLACES = [join('..', 'web'), join('..', '..', 'web')].map((place) => join(__dirname, place));

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
};

/** Where the page reads at which issuers people sign in. */
const SIGN_INS = 'name="sign-in" content=""';

/**
 * Nothing runs, and nothing is loaded, but what this host serves; no text becomes markup (Trusted Types). The page
 * speaks with this host alone, and with the issuers at which people sign in.
 */
function policyOf(issuers: readonly string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    ["connect-src 'self'", ...new Set(issuers.map((issuer) => new URL(issuer).origin))].join(' '),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}

const COMMON = { 'x-content-type-options': 'nosniff', vary: 'accept-encoding' };

interface File {
  readonly type: string;
  readonly plain: Buffer;
  readonly packed: Buffer;
}

let files: ReadonlyMap<string, File> | undefined;
let policy: string | undefined;

/** The page, whichever part of the window an address names; undefined where the window was not built. */
export function windowPage(request: HttpRequest): HttpResponseInit | undefined {
  return answer(request, PAGE, {
    'content-security-policy': (policy ??= policyOf(signIns().map(({ issuer }) => issuer))),
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cache-control': 'no-cache',
  });
}

/** A file that the page loads; undefined when there is none of that name. Its name changes with what is in it. */
export function windowFile(request: HttpRequest, name: string): HttpResponseInit | undefined {
  if (name === PAGE) return undefined;
  return answer(request, name, { 'cache-control': 'public, max-age=31536000, immutable' });
}

function answer(
  { headers: asked }: HttpRequest,
  name: string,
  headers: Readonly<Record<string, string>>,
): HttpResponseInit | undefined {
  const file = (files ??= built()).get(name);
  if (file === undefined) return undefined;
  const packs = /\bgzip\b/.test(asked.get('accept-encoding') ?? '');
  return {
    body: packs ? file.packed : file.plain,
    headers: { ...COMMON, ...headers, 'content-type': file.type, ...(packs && { 'content-encoding': 'gzip' }) },
  };
}

/** Some hundred kilobytes: read once, at the first request. The sources stand in a folder of the same name. */
function built(): ReadonlyMap<string, File> {
  for (const place of PLACES) {
    const names = namesIn(place).filter((name) => TYPES[extname(name)] !== undefined);
    if (!names.some((name) => /^window-\w+\.js$/.test(name))) continue;
    return new Map(
      names.map((name) => {
        const plain = name === PAGE ? pageIn(place) : readFileSync(join(place, name));
        return [name, { type: TYPES[extname(name)] as string, plain, packed: gzipSync(plain, { level: 9 }) }];
      }),
    );
  }
  return new Map();
}

/** With what it has to know before anybody has signed in: where one can. */
function pageIn(place: string): Buffer {
  const said = markupText(JSON.stringify(signIns()));
  const page = readFileSync(join(place, PAGE), 'utf8');
  return Buffer.from(page.replace(SIGN_INS, () => SIGN_INS.replace('""', () => `"${said}"`)));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
