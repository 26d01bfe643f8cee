/** Progress on standard error: a bar on a terminal, else a line every ten seconds. Standard output stays clean. */
import { SingleBar } from 'cli-progress';

export interface Progress {
  update(done: number, note?: string): void;
  stop(): void;
}

const SILENT: Progress = { update: () => undefined, stop: () => undefined };

/** @param show false: nothing is shown */
export function progress(label: string, total: number, show = true): Progress {
  if (!show || total <= 0) return SILENT;
  const bar = new SingleBar({
    format: `  ${label.padEnd(24)} {bar} {percentage}%  {note}`,
    barsize: 30,
    hideCursor: true,
    clearOnComplete: false,
    noTTYOutput: true,
    notTTYSchedule: 10_000,
    gracefulExit: false,
    stream: process.stderr,
  });
  bar.start(total, 0, { note: '' });
  return {
    update: (done, note = '') => bar.update(Math.min(done, total), { note }),
    stop: () => bar.stop(),
  };
}
