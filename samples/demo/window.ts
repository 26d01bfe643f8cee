/** The window on the demo that runs: opened in a browser, and kept up afterwards. */
import { spawn } from 'node:child_process';

/** By platform: what opens an address, with its arguments before that. */
const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
};

/** Says where the window is and by which key one signs in there: it is the key of this demo alone. */
export function tellWindow({ url, key }: { readonly url: string; readonly key: string }, say: (text: string) => void) {
  say(`  the window is at ${url}, its owner's key is ${key}`);
}

/** Opens an address in this machine's browser; says so where it can't be opened, with the address to go to. */
export function openBrowser(url: string, say: (text: string) => void, env = process.env): void {
  const [command, ...args] = OPENERS[process.platform] ?? (['xdg-open'] as const);
  const child = spawn(command, [...args, url], { env, stdio: 'ignore', detached: true });
  const failed = () => say(`  no browser could be opened here (${command}): go to ${url}`);
  child.once('error', failed);
  child.once('exit', (code) => {
    if (code !== 0) failed();
  });
  child.unref();
}
