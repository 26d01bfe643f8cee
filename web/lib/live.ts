/**
 * The receipts of the tenant as they come: one stream for the whole window, resumed after a break by the place where it
 * broke. Whoever shows something hears which streams have changed, and asks the API again.
 */
import { signal } from '@preact/signals';
import type { Commit as CommitSchema } from '../../contract/audit/receipts';
import type { Shown } from '../../contract/route';
import { send } from './api';
import { eventsIn } from './event-stream';
import { Failure } from './failure';
import { heardTime, hostNow } from './session';

export type Commit = Shown<typeof CommitSchema>;

/** Of one second. */
export const RATE_SECONDS = 60;

/** How the stream is: whether it stands, and until when what is shown is known to be whole. */
export interface Live {
  readonly state: 'connecting' | 'live' | 'broken';
  /** The host's time at which something was last heard, in milliseconds since the epoch; also when nothing happened. */
  readonly heardAt: number | undefined;
  /** When the newest receipt was decided, and how long it took to be here, in milliseconds. */
  readonly newest: { readonly at: string; readonly lagMs: number } | undefined;
  /** Milliseconds until the next try, where it is broken. */
  readonly againInMs: number | undefined;
}

export const live = signal<Live>({ state: 'connecting', heardAt: undefined, newest: undefined, againInMs: undefined });
/** Receipts in each of the last sixty whole seconds, the newest last. */
export const rates = signal<readonly number[]>(Array.from({ length: RATE_SECONDS }, () => 0));

type Listener = (commits: readonly Commit[]) => void;
const listeners = new Set<Listener>();

/** Hears what has come, once a frame at most; calling what is returned ends that. */
export function onCommits(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Without a byte for so long it counts as broken: the host gives a sign of life every fifteen seconds. */
const SILENCE_MS = 35_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 15_000;
/** What comes while the page is hidden is handed on so late: no frame is drawn then. */
const HIDDEN_MS = 500;
/** What is heard moves the time that is shown at most so often. */
const HEARD_MS = 250;
/** As many are kept for those who hear, and as many characters; what is beyond is known by the next reload. */
const MOST_PENDING = 5_000;
const MOST_PENDING_CHARACTERS = 20_000_000;

let waiting: Commit[] = [];
let waitingCharacters = 0;
let scheduled = false;
let counted = 0;

/** Follows until the signal aborts. */
export async function follow(signal: AbortSignal): Promise<void> {
  const ticking = setInterval(tick, 1_000);
  signal.addEventListener('abort', () => clearInterval(ticking));
  let place: string | undefined;
  let seen = new Set<string>();
  for (let failures = 0; !signal.aborted; failures += 1) {
    const silence = new AbortController();
    try {
      const events = connect(place, AbortSignal.any([signal, silence.signal]), silence);
      for await (const { id, data } of events) {
        failures = 0;
        if (id !== undefined && id !== place) {
          place = id;
          seen = new Set();
        }
        if (data === undefined) continue;
        const commit = JSON.parse(data) as Commit;
        // Those that were read together share the place before them: after a break they come again.
        if (seen.has(commit.hash)) continue;
        seen.add(commit.hash);
        take(commit, data.length);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Failure && error.status === 400) place = undefined;
    }
    await pause(failures, signal);
  }
}

async function* connect(place: string | undefined, signal: AbortSignal, silence: AbortController) {
  const headers = place === undefined ? undefined : { 'last-event-id': place };
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const response = await send('/v1/receipts/stream', { headers, signal });
    heardTime(response.headers.get('date'));
    update({ state: 'live', heardAt: hostNow(), againInMs: undefined });
    yield* eventsIn(response.body as ReadableStream<Uint8Array>, () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      if (hostNow() - (live.peek().heardAt ?? 0) > HEARD_MS) update({ heardAt: hostNow() });
    });
  } finally {
    clearTimeout(timer);
  }
}

const sizes = new WeakMap<Commit, number>();

/** Characters of a receipt of the stream as it came: others write what is in it, and how much. */
export function sizeOf(commit: Commit): number {
  return sizes.get(commit) ?? 0;
}

function take(commit: Commit, size: number): void {
  counted += 1;
  sizes.set(commit, size);
  if (waiting.length < MOST_PENDING && waitingCharacters < MOST_PENDING_CHARACTERS) {
    waiting.push(commit);
    waitingCharacters += size;
  }
  if (scheduled) return;
  scheduled = true;
  if (document.visibilityState === 'hidden') setTimeout(hand, HIDDEN_MS);
  else requestAnimationFrame(hand);
}

function hand(): void {
  scheduled = false;
  const commits = waiting;
  waiting = [];
  waitingCharacters = 0;
  const last = commits.at(-1);
  if (last !== undefined)
    update({ newest: { at: last.at, lagMs: Math.max(0, Math.round(hostNow() - Date.parse(last.at))) } });
  for (const listener of listeners) listener(commits);
}

function tick(): void {
  rates.value = [...rates.peek().slice(1), counted];
  counted = 0;
}

async function pause(failures: number, signal: AbortSignal): Promise<void> {
  const ms = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
  update({ state: 'broken', againInMs: ms });
  await new Promise<void>((resolve) => {
    const timer = setTimeout(over, ms);
    function over(): void {
      clearTimeout(timer);
      removeEventListener('online', over);
      signal.removeEventListener('abort', over);
      resolve();
    }
    addEventListener('online', over);
    signal.addEventListener('abort', over);
  });
}

function update(changes: Partial<Live>): void {
  live.value = { ...live.peek(), ...changes };
}
