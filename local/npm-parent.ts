/**
 * npm and npx run a program through a shell and don't always end it with themselves: whoever kills `npx formicary
 * start` would leave a host that nobody sees.
 */
import { execFileSync } from 'node:child_process';

const LOOK_EVERY_MS = 1_000;

/**
 * Calls `ended` once when npm or npx, of which this process was started, is gone; never when it was started otherwise.
 */
export function whenNpmEnds(ended: () => void): void {
  if (process.env['npm_command'] === undefined || process.platform === 'win32') return;
  const parent = process.ppid;
  const npm = npmAbove(parent);
  const timer = setInterval(() => {
    if (process.ppid === parent && (npm === undefined || isAlive(npm))) return;
    clearInterval(timer);
    ended();
  }, LOOK_EVERY_MS);
  timer.unref();
}

/** The process of npm, when a shell stands between. */
function npmAbove(shell: number): number | undefined {
  const [above] = processOf(shell) ?? [];
  const [, call = ''] = (above === undefined ? undefined : processOf(above)) ?? [];
  return /\bnp[mx]\b/.test(call) ? above : undefined;
}

/** The parent of a process, and how it was called; undefined where that can't be known. */
function processOf(pid: number): [parent: number, call: string] | undefined {
  try {
    const line = execFileSync('ps', ['-o', 'ppid=,args=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [, parent, call] = /^\s*(\d+)\s+(.*)$/m.exec(line) ?? [];
    return parent === undefined || call === undefined ? undefined : [Number(parent), call];
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
