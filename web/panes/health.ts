/** Whether the colony is well, in one sentence with its reasons: from what the host says, and nothing else. */
import type { Health as HealthSchema, system } from '../../contract/operation/system';
import type { approvals } from '../../contract/oversight/approvals';
import type { AnswerOf, Shown } from '../../contract/route';
import type { stops } from '../../contract/stops/stops';
import { linkTo } from '../lib/route';
import type { Tone } from '../parts/badge';
import { texts } from '../texts';

export type Health = Shown<typeof HealthSchema>;

/** What the verdict is made from. */
export interface Seen {
  readonly health: Health;
  readonly status: AnswerOf<typeof system.status>;
  readonly approvals: AnswerOf<typeof approvals.list>;
  readonly stops: AnswerOf<typeof stops.list>;
}

export interface Reason {
  readonly tone: Tone;
  readonly text: string;
  /** What the host says of it. */
  readonly detail?: string;
  readonly to?: string;
}

export interface Verdict {
  readonly tone: 'good' | 'look' | 'bad';
  readonly sentence: string;
  readonly reasons: readonly Reason[];
}

/** A consumer that is further behind is worth a word, in commits. */
const LAG = 1_000;
/** A task that has waited longer counts as stuck, in seconds. */
export const STUCK_SECONDS = 300;
/** What the clocks may differ by, in milliseconds. */
const DRIFT_MS = 1_000;

/** The worst first. */
export function judge(seen: Seen): Verdict {
  const reasons = [...ofHost(seen), ...ofFeed(seen), ...ofPeople(seen), ...ofTasks(seen)];
  const bad = reasons.filter(({ tone }) => tone === 'bad');
  const look = reasons.filter(({ tone }) => tone === 'look');
  const rest = reasons.filter(({ tone }) => tone !== 'bad' && tone !== 'look');
  const { now } = texts;
  const sorted = [...bad, ...look, ...rest];
  if (bad.length > 0) return { tone: 'bad', sentence: now.bad(bad.length), reasons: sorted };
  if (look.length > 0) return { tone: 'look', sentence: now.look(look.length), reasons: sorted };
  return { tone: 'good', sentence: seen.status.open_tasks === 0 ? now.quiet : now.good, reasons: sorted };
}

const { reasons: words } = texts.now;

function* ofHost({ health, status: { clock } }: Seen): Generator<Reason> {
  const detail = (texts: readonly string[] | undefined) => texts?.join('; ');
  if (health.status !== 'ready') yield { tone: 'bad', text: words.notReady, detail: detail(health.reasons) };
  if (health.degraded !== undefined) yield { tone: 'look', text: words.degraded, detail: detail(health.degraded) };
  const altered = health.altered_receipts ?? 0;
  if (altered > 0) yield { tone: 'bad', text: words.altered(altered), to: linkTo('receipts') };
  const drift = Math.round(Math.max(Math.abs(clock.drift_ms), clock.log_ahead_ms));
  if (drift > DRIFT_MS) yield { tone: 'look', text: words.clock(drift) };
}

function* ofFeed({ status: { feed } }: Seen): Generator<Reason> {
  const parked = feed.reduce((sum, consumer) => sum + consumer.parked, 0);
  if (parked > 0) yield { tone: 'bad', text: words.parked(parked) };
  for (const { consumer, lag } of feed)
    if (lag !== null && lag > LAG) yield { tone: 'look', text: words.lag(lag, consumer) };
}

function* ofPeople({ approvals: { value, nextLink }, stops }: Seen): Generator<Reason> {
  if (stops.value.length > 0) {
    const detail = stops.value.map(({ kind, name, reason }) => `${kind} ${name}: ${reason}`).join('; ');
    yield { tone: 'look', text: words.stopped(stops.value.length), detail, to: linkTo('governance') };
  }
  if (value.length === 0) return;
  const text = words.decisions(`${value.length}${nextLink === undefined ? '' : ' or more'}`);
  const grave = value.some(({ severity }) => severity === 'critical' || severity === 'high');
  yield { tone: grave ? 'look' : 'info', text, to: linkTo('decisions') };
}

function* ofTasks({ status: { waiting } }: Seen): Generator<Reason> {
  for (const { code, count, text, waited_seconds: waited, example } of waiting.groups)
    if (waited > STUCK_SECONDS)
      yield { tone: 'look', text: words.stuck(count, code), detail: text, to: linkTo('tasks', [example]) };
}
