/** Neighbours on the machine: processes of which each wants a core, or the disk, for itself. */
import { type ChildProcess, spawn } from 'node:child_process';

/** A process that wants a core for itself. */
export function busy(): ChildProcess {
  return neighbour('for (let i = 0; i < 1e8; i += 1);');
}

/** A process that writes to a file and has the disk keep it, all the time. */
export function syncing(file: string): ChildProcess {
  return neighbour(
    'const file = open(); for (let i = 0; i < 64; i += 1) { fs.writeSync(file, block, 0, block.length, 0); fs.fsyncSync(file); } fs.closeSync(file);',
    file,
  );
}

/** Does something again and again, for as long as this process lives. */
function neighbour(what: string, file = ''): ChildProcess {
  const program = `const fs = require('node:fs'); const block = Buffer.alloc(65536); const open = () => fs.openSync(process.argv[1], 'w');
process.once('disconnect', () => process.exit()); const turn = () => { ${what} setImmediate(turn); }; turn();`;
  return spawn(process.execPath, ['-e', program, file], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
}

/** Starts so many that want a core; gives what ends them. */
export function startBusy(count: number): () => void {
  const neighbours = Array.from({ length: count }, busy);
  return () => {
    for (const one of neighbours) one.kill('SIGKILL');
  };
}
