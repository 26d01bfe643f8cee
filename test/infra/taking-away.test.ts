/**
 * The commands of docs/deploy.md that empty the account of checkpoints, against a server that keeps versions and their
 * policies as Blob Storage says it does (Azurite has neither): what is deleted becomes a version, a version is deleted
 * by its id alone, and neither while a policy stands.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { pageOf } from '../docs/walk';

interface Version {
  readonly name: string;
  readonly id: string;
  isCurrent: boolean;
  isProtected: boolean;
}

const SCRIPT = /node --input-type=module --eval '\n([\s\S]*?)'\n/.exec(pageOf('docs/deploy.md'))?.[1] ?? '';

test('no checkpoint is left, nor a version of one', async () => {
  const versions: Version[] = ['a', 'b', 'c'].map((name, i) => ({
    ...{ name, id: `2026-12-01T00:00:0${i}.0000000Z` },
    ...{ isCurrent: name !== 'c', isProtected: name !== 'b' },
  }));
  const server = createServer((request, response) => {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://localhost');
    const include = query.get('include') ?? '';
    if (request.method === 'GET') {
      const listed = versions.filter(({ isCurrent }) => isCurrent || include.includes('versions'));
      const blobs = listed.map(
        ({ name, id, isProtected }) =>
          `<Blob><Name>${name}</Name><VersionId>${id}</VersionId><Properties>${
            isProtected ? '<ImmutabilityPolicyMode>unlocked</ImmutabilityPolicyMode>' : ''
          }</Properties></Blob>`,
      );
      response.setHeader('content-type', 'application/xml');
      response.end(`<EnumerationResults><Blobs>${blobs.join('')}</Blobs><NextMarker/></EnumerationResults>`);
      return;
    }
    const [, , name] = pathname.split('/');
    const id = query.get('versionid');
    const place = versions.findIndex((one) => one.name === name && (id === null ? one.isCurrent : one.id === id));
    const found = versions[place];
    const isRefused = found === undefined || (query.get('comp') === null && found.isProtected);
    if (isRefused || request.method !== 'DELETE') response.statusCode = 409;
    else if (query.get('comp') === 'immutabilityPolicies') found.isProtected = false;
    else if (id !== null && found.isCurrent) response.statusCode = 409;
    else {
      response.statusCode = 202;
      if (id === null) found.isCurrent = false;
      else versions.splice(place, 1);
    }
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/checkpoints`;
  const script = SCRIPT.replace('`https://${process.env.ACCOUNT}.blob.core.windows.net/checkpoints`', `'${url}'`);
  const anonymous = script.replace(', new AzureCliCredential()', '');
  expect(anonymous).not.toMatch(/process\.env|new AzureCliCredential/);
  const child = spawn(process.execPath, ['--input-type=module', '--eval', anonymous], {
    cwd: resolve(__dirname, '../..'),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  server.close();
  expect(code).toBe(0);
  expect(versions).toEqual([]);
}, 60_000);
