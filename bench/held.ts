/**
 * What holds the event loop: the longest pieces of work that nothing else could come between, and which calls they
 * were. A piece is a callback of the loop with all promises and ticks that go on at once after it: a loop of awaited
 * reads of SQLite is one piece, however politely it is written. It is measured in processor time of the thread, without
 * what the collector takes, so that neither a busy machine nor garbage counts. Its name comes from samples of the
 * stack. Hooks and samples cost, so it is for tests, and for benches that ask for it.
 */
import { createHook } from 'node:async_hooks';
import { Session } from 'node:inspector';
import path from 'node:path';

/** A piece of work that held the loop. */
export interface Held {
  /** Of the processor. */
  readonly ms: number;
  /** The outermost call of ours that most of it was in, and the innermost. */
  readonly call: string;
}

export interface HeldReport {
  /** The longest, longest first. */
  readonly longest: readonly Held[];
  /** Of all pieces together, measured likewise. */
  readonly ms: number;
}

interface Piece {
  readonly from: number;
  readonly until: number;
  readonly ms: number;
}

/** In how many samples a call is, and how deep in the stack. */
interface Call {
  count: number;
  readonly depth: number;
}

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly startTime: number;
  readonly samples?: readonly number[];
  readonly timeDeltas?: readonly number[];
}

/** Names the folder in which each host of a bench leaves its report, in the environment. */
export const HELD_FOLDER = 'BENCH_HELD_FOLDER';

/** Pieces that are shown. */
const SHOWN = 5;
/** Shorter ones are nobody's stall. */
const LEAST_MS = 1;
const SAMPLE_US = 500;
/** Pieces that are kept until their names are looked up, the longest of all. */
const KEPT = 200;
const ROOT = `${path.resolve(__dirname, '..')}${path.sep}`;
/** What goes on within a turn of the loop, whoever began it. */
const WITHIN = new Set(['TickObject', 'Microtask']);

/** Watches the event loop of this thread. Asks for Node 24: an older one counts each reaction of a promise alone. */
export class LoopWatch {
  private readonly session = new Session();
  private readonly ticks = new Set<number>();
  private readonly hook = createHook({
    init: (id, type) => void (WITHIN.has(type) && this.ticks.add(id)),
    before: (id) => {
      const goesOn = this.ticks.delete(id) || this.depth > 0;
      this.depth += 1;
      if (!goesOn) this.ends();
    },
    after: () => void (this.depth > 0 && (this.depth -= 1)),
    trackPromises: false,
  });
  private depth = 0;
  /** When the piece under way began, and the processor time of the thread until then. */
  private began = 0;
  private cpu = 0;
  private pieces: Piece[] = [];
  private started = 0;
  private total = 0;

  start(): void {
    this.session.connect();
    this.session.post('Profiler.enable');
    this.session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
    this.session.post('Profiler.start');
    this.started = this.began = now();
    this.cpu = cpuMs();
    this.hook.enable();
  }

  /** Ends the watch. */
  stop(): HeldReport {
    this.ends();
    this.hook.disable();
    let profile: Profile | undefined;
    this.session.post('Profiler.stop', (_, answer?: { profile: Profile }) => (profile = answer?.profile));
    this.session.disconnect();
    const samples = new Samples(profile);
    const longest = this.pieces
      .map(({ ms, from, until }) => {
        const { call, collecting } = samples.of(from, until);
        return { ms: ms * (1 - collecting), call };
      })
      .toSorted((a, b) => b.ms - a.ms)
      .slice(0, SHOWN);
    return { longest, ms: this.total * (1 - samples.of(this.started, this.began).collecting) };
  }

  /** The piece under way is over, the next one begins. */
  private ends(): void {
    const [until, cpu] = [now(), cpuMs()];
    const ms = cpu - this.cpu;
    this.total += ms;
    if (ms >= LEAST_MS) this.pieces.push({ from: this.began, until, ms });
    if (this.pieces.length >= 2 * KEPT) this.pieces = this.pieces.toSorted((a, b) => b.ms - a.ms).slice(0, KEPT);
    [this.began, this.cpu] = [until, cpu];
  }
}

/** What `work` holds the event loop of this thread with, beside whatever else goes on in it. */
export async function held(work: () => Promise<unknown>): Promise<HeldReport> {
  const watch = new LoopWatch();
  watch.start();
  try {
    await work();
  } finally {
    // What follows at once belongs to the piece as well.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return watch.stop();
}

/** Where the stack was, by time. */
class Samples {
  private readonly at: number[] = [];
  private readonly nodes = new Map<number, Profile['nodes'][number]>();
  private readonly parents = new Map<number, number>();
  private readonly ids: readonly number[];

  constructor(profile: Profile | undefined) {
    this.ids = profile?.samples ?? [];
    let time = profile?.startTime ?? 0;
    for (const delta of profile?.timeDeltas ?? []) this.at.push((time += delta));
    for (const node of profile?.nodes ?? []) {
      this.nodes.set(node.id, node);
      for (const child of node.children ?? []) this.parents.set(child, node.id);
    }
  }

  /** The calls that most samples of a time are in, and the share of them in which garbage was collected. */
  of(from: number, until: number): { readonly call: string; readonly collecting: number } {
    let [samples, collecting] = [0, 0];
    const calls = new Map<string, Call>();
    for (let i = firstAtLeast(this.at, from); i < this.at.length && (this.at[i] as number) <= until; i += 1) {
      const id = this.ids[i] as number;
      const { functionName } = this.nodes.get(id)?.callFrame ?? {};
      if (functionName === '(idle)') continue;
      samples += 1;
      if (functionName === '(garbage collector)') collecting += 1;
      for (const [call, depth] of this.stackOf(id)) {
        const found = calls.get(call);
        if (found === undefined) calls.set(call, { count: 1, depth });
        else found.count += 1;
      }
    }
    return { call: nameOf(calls), collecting: samples === 0 ? 0 : collecting / samples };
  }

  /** Calls of ours, each with how deep it is: from the outermost. */
  private stackOf(id: number): Map<string, number> {
    const frames: string[] = [];
    for (let at: number | undefined = id; at !== undefined; at = this.parents.get(at)) {
      const { functionName, url, lineNumber } = (this.nodes.get(at) as Profile['nodes'][number]).callFrame;
      const file = url.replace(/^file:\/\//, '');
      if (!file.startsWith(ROOT) || file.includes('node_modules')) continue;
      frames.push(`${functionName || '(anonymous)'} (${file.slice(ROOT.length)}:${lineNumber + 1})`);
    }
    return new Map(frames.toReversed().map((frame, depth) => [frame, depth]));
  }
}

/** The call that most samples are in, and the innermost one that most of its samples are in. */
function nameOf(calls: ReadonlyMap<string, Call>): string {
  const [outer] = [...calls].toSorted(([, a], [, b]) => b.count - a.count || a.depth - b.depth);
  if (outer === undefined) return 'no call of ours';
  const most = [...calls].filter(([, { count }]) => count * 2 > outer[1].count);
  const [inner] = most.toSorted(([, a], [, b]) => b.depth - a.depth)[0] ?? outer;
  return inner === outer[0] ? inner : `${outer[0]} > ${inner}`;
}

function firstAtLeast(sorted: readonly number[], value: number): number {
  let [from, until] = [0, sorted.length];
  while (from < until) {
    const middle = (from + until) >> 1;
    if ((sorted[middle] as number) < value) from = middle + 1;
    else until = middle;
  }
  return from;
}

/** Microseconds, by the clock of the samples. */
function now(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
