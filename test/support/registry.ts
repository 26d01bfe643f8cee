/**
 * A registry of npm on this machine that has what this project has installed, in its one version: with it `npm install`
 * works without a network.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

const MODULES = path.resolve(__dirname, '../../node_modules');

export interface Registry {
  readonly url: string;
  stop(): void;
}

export async function startRegistry(): Promise<Registry> {
  const server = createServer((request, response) => {
    const [, kind, name = ''] = /^\/(-\/|)(.+)$/.exec(decodeURIComponent(request.url ?? '')) ?? [];
    const manifest = path.join(MODULES, name, 'package.json');
    if (!existsSync(manifest)) response.writeHead(404).end();
    else if (kind === '-/') pack(name, response);
    else response.end(JSON.stringify(documentOf(name, manifest, `http://${request.headers.host}`)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** What a registry says of a package. */
function documentOf(name: string, manifest: string, url: string): object {
  const { version, ...rest } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const dist = { tarball: `${url}/-/${name}` };
  return { name, 'dist-tags': { latest: version }, versions: { [version]: { ...rest, version, dist } } };
}

/** The package itself: npm takes the files of whichever one folder is in it. */
function pack(name: string, response: ServerResponse): void {
  const folder = path.join(MODULES, name);
  const args = ['-cz', '--exclude', 'node_modules', '-C', path.dirname(folder), path.basename(folder)];
  const tar = spawn('tar', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  tar.stdout.pipe(response);
}
