/** What all peers need: their programs, started and waited for. */
import type { ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { pause } from './measure';

/** Why a peer was left out. */
export interface Skipped {
  readonly skipped: string;
}

/** What a peer is to do. */
export interface PeerJobs {
  readonly warmUp: number;
  readonly tasks: number;
}

const READY_WITHIN_MS = 20_000;

/** Waits until a program that was started listens. Throws, and ends it, when it does not in time. */
export async function listens(program: ChildProcess, name: string, port: number): Promise<void> {
  for (const until = performance.now() + READY_WITHIN_MS; performance.now() < until; await pause(20)) {
    if (program.exitCode !== null) throw new Error(`${name} ended with ${program.exitCode}`);
    if (await answers(port)) return;
  }
  program.kill();
  throw new Error(`${name} did not start`);
}

/** Whether somebody listens there. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
