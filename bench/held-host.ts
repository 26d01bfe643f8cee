/** Loaded before a host that a bench starts: when the host has ended, what held its event loop stands in a file. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { HELD_FOLDER, LoopWatch } from './held';

const folder = process.env[HELD_FOLDER];
const isHost = isMainThread && process.argv[1]?.endsWith(path.join('local', 'main.js')) === true;
if (isHost && folder !== undefined) {
  const watch = new LoopWatch();
  watch.start();
  process.once('exit', () => writeFileSync(path.join(folder, `${process.pid}.json`), JSON.stringify(watch.stop())));
}
