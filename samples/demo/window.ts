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

/** Opens an address in this machine's browser; where there is none, the address stands in the terminal anyway. */
export function openBrowser(url: string): void {
  const [command, ...args] = OPENERS[process.platform] ?? (['xdg-open'] as const);
  const child = spawn(command, [...args, url], { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}
