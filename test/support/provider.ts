/** A provider of OpenID Connect in a process of its own: see `oidc-provider.mjs`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';

export interface Provider {
  readonly issuer: string;
  stop(): void;
}

export async function startProvider(): Promise<Provider> {
  const child = spawn(process.execPath, [path.join(__dirname, 'oidc-provider.mjs')], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [issuer] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { issuer, stop: () => void child.kill() };
}
