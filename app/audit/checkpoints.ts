/**
 * The transparency logs, one a tenant: what they hold, who signs it, and how a receipt is proven to be in one.
 *
 * A round reads the feed from where the last one ended, for all tenants at once, and adds to each log what is new,
 * ending with a signed checkpoint. Nothing of that is in the way of a command: it comes an hour later, in slices. A
 * round that dies is begun anew: what is in a log already is known by the heads of its newest checkpoint.
 */
import {
  LOG_ID,
  logDecider,
  type LogEvent,
  type LogState,
  logStream,
  signCheckpoint,
  type SignedCheckpoint,
} from '../../domain/audit/log';
import { commitEntry, headsEntry, keyOf, parseEntry, type StreamHead } from '../../domain/audit/log-entries';
import { type LogPage, LogReader, LogWriter, PAGE_WIDTH } from '../../domain/audit/log-pages';
import { AlteredReceipt, type Commit } from '../../domain/kernel/commit';
import { refuse, Rejection } from '../../domain/kernel/decider';
import { type CommitPlace, commitRef, streamName } from '../../domain/kernel/ids';
import { checkpointText, noteOf } from '../../domain/kernel/note';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import { PLATFORM } from '../../domain/stops/stop';
import type { Aggregate } from '../engine/aggregate';
import type { Reason } from '../engine/deadlines';
import type { Engine } from '../engine/engine';
import type { Checkpoint as Place, LogSigner } from '../engine/ports';
import type { Loaded } from '../engine/streams';
import { Slices } from '../engine/turns';
import { Anchoring } from './anchoring';
import { Gathered, type NewReceipts } from './log-gathering';
import { LogHeads } from './log-heads';
import { PageStore } from './page-store';

/** How often checkpoints are made by themselves. */
export const CHECKPOINT_EVERY_SECONDS = 3_600;
/** Receipts that are gathered before they are added: they are in memory meanwhile. */
const MOST_GATHERED = 65_536;
const FEED_PAGE = 500;
const STREAM_PAGE = 200;
/** Another process may sign at the same time. */
const ATTEMPTS = 5;
/** Where the last round ended, and when the last one began that was made by itself. */
const PLACE = 'log';
const LAST = 'log-round';
/** By how much a round may come too early. */
const SLACK_SECONDS = 60;
/** What the one deadline of all logs is set on. */
const EVERY_TENANT = streamName('system', logDecider.category, 'rounds');

/** Who signs checkpoints, and by which name. */
function recorder(tenant: string) {
  return { tenant, id: 'recorder', kind: 'system', level: 'execute' } as const;
}

/** A checkpoint with the receipt of its signing. */
export interface KnownCheckpoint extends SignedCheckpoint {
  readonly receipt: string;
  readonly at: Time;
}

/** A receipt with the way from it to the root of a checkpoint. */
export interface Proof {
  readonly index: number;
  readonly path: readonly Buffer[];
  readonly checkpoint: SignedCheckpoint;
}

export interface CheckpointsDeps extends Pick<Engine, 'log' | 'blobs' | 'clock' | 'report' | 'deadlines' | 'ports'> {
  readonly logs: Aggregate<LogState, LogEvent>;
  /** What the names of logs begin with: the host where people find this colony. */
  readonly host: string;
}

export class LogCheckpoints {
  private readonly store: PageStore;
  private readonly due: Reason;
  private readonly signer: LogSigner | undefined;
  private readonly anchoring: Anchoring;
  private running: Promise<void> | undefined;
  private waiting: Promise<void> | undefined;
  /** Whose log the last round could not extend, and why. */
  private failures = new Map<string, unknown>();
  private stopped = false;

  constructor(private readonly deps: CheckpointsDeps) {
    this.store = new PageStore(deps.blobs);
    this.signer = deps.ports.logSigner;
    this.anchoring = new Anchoring(deps);
    this.due = deps.deadlines.on('checkpoint', () => this.hourly());
  }

  /** Has the first round made within the hour; where they are made already, the deadline for the next one stands. */
  async start(): Promise<void> {
    const { clock, ports, deadlines } = this.deps;
    const now = toTime(clock.now());
    const last = this.signer === undefined ? now : await ports.checkpoints.load(LAST);
    if (last !== undefined && now < plusSeconds(last, 2 * CHECKPOINT_EVERY_SECONDS)) return;
    await deadlines.schedule([
      { stream: EVERY_TENANT, reason: this.due, due: plusSeconds(now, CHECKPOINT_EVERY_SECONDS) },
    ]);
  }

  /** Begins no further page; what is under way ends. */
  stop(): void {
    this.stopped = true;
  }

  async finish(): Promise<void> {
    await this.running?.catch(() => undefined);
  }

  /** Keys that verify the checkpoints of a tenant, as verifier keys; none before the first. */
  async keys(tenant: string): Promise<readonly string[]> {
    const newest = await this.newest(tenant);
    return newest === undefined ? [] : ((await this.signer?.verifierKeys(newest.origin)) ?? []);
  }

  /** The newest checkpoint of a tenant. */
  async newest(tenant: string): Promise<SignedCheckpoint | undefined> {
    return (await this.deps.logs.current(tenant, LOG_ID)).state.newest;
  }

  /**
   * Adds what is new to the logs and signs it, now. Answers the tenant's newest checkpoint, or why there is none.
   * Throws what has kept the log from being extended.
   */
  async make(tenant: string): Promise<KnownCheckpoint | Rejection> {
    if (this.signer === undefined)
      return refuse(
        'log-unsigned',
        'this host has no key to sign the log with: FORMICARY_LOG_KEY or FORMICARY_VAULT__logKey gives it one',
      );
    await this.round();
    if (this.failures.has(tenant)) throw this.failures.get(tenant);
    const [newest] = await this.list(tenant, 1);
    return newest ?? new Rejection('missing', 'log-empty', 'nothing is in the signed log yet');
  }

  /** Checkpoints of a tenant from the newest on, before the version `before` of its log. */
  async list(tenant: string, limit: number, before?: number): Promise<readonly KnownCheckpoint[]> {
    const end = before ?? (await this.deps.logs.current(tenant, LOG_ID)).version + 1;
    const from = Math.max(0, end - limit);
    if (from >= end) return [];
    const commits = await this.deps.log.read(logStream(tenant), from, end - from);
    return commits.map(known).reverse();
  }

  /**
   * A page of what stands in a tenant's log, and the leaf where the next one begins; undefined where there is nothing.
   */
  async entries(
    tenant: string,
    from: number,
  ): Promise<(LogPage & { readonly log: string; readonly next: number | undefined }) | undefined> {
    const newest = await this.newest(tenant);
    if (newest === undefined || from >= newest.size) return undefined;
    const page = Math.floor(from / PAGE_WIDTH);
    const entries = await new LogReader(this.store.of(tenant), newest).entries(page);
    const next = (page + 1) * PAGE_WIDTH;
    return { log: newest.origin, first: page * PAGE_WIDTH, entries, next: next < newest.size ? next : undefined };
  }

  // -------------------------------------------------------------------------------------------------------- a round

  /** Makes a round after the one under way, and at most one for all who ask meanwhile. */
  private async round(): Promise<void> {
    if (this.running === undefined) {
      this.running = this.rounds().finally(() => (this.running = undefined));
      return await this.running;
    }
    const { running } = this;
    this.waiting ??= (async () => {
      await running.catch(() => undefined);
      this.waiting = undefined;
      await this.round();
    })();
    await this.waiting;
  }

  private async rounds(): Promise<void> {
    const { log, ports, report } = this.deps;
    let from: Place | undefined = await ports.checkpoints.load(PLACE);
    const failures = (this.failures = new Map<string, unknown>());
    await this.anchoring.begin();
    for (let end = false; !end && !this.stopped;) {
      const gathered = new Gathered();
      const slices = new Slices(PLATFORM);
      const began = from;
      while (!end && gathered.size < MOST_GATHERED) {
        const page = await log.feed(from, FEED_PAGE);
        for (const commit of page.commits) gathered.add(commit);
        from = page.checkpoint;
        end = page.end;
        await slices.pause();
      }
      for (const tenant of gathered.tenants)
        await this.extend(tenant, gathered).catch((error: unknown) => {
          report('a log could not be extended: the next round tries again', { tenant, error: String(error) });
          failures.set(tenant, error);
        });
      // What one log misses is read again; it keeps no other one waiting.
      if (failures.size > 0 || from === undefined || from === began) continue;
      // First: whoever starts behind this place hears of no tenant before it.
      await this.anchoring.keepMissed();
      await ports.checkpoints.save(PLACE, from);
    }
    await this.anchoring.end(
      (tenant) => this.newest(tenant),
      () => this.stopped,
    );
  }

  /** Adds what was gathered to a tenant's log, unless all of it is there. */
  private async extend(tenant: string, gathered: Gathered): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const before = await this.deps.logs.current(tenant, LOG_ID);
      const next = await this.next(tenant, before, await gathered.of(tenant, before.version + 1));
      if (next === undefined) return await this.anchorAgain(tenant, before.state);
      const decided = await this.deps.logs.decide(
        { principal: recorder(tenant) },
        LOG_ID,
        'checkpoint.sign',
        signCheckpoint(before.state.newest?.size ?? 0, next),
      );
      if (decided.ok) return await this.anchoring.show(tenant, next);
      if (attempt === ATTEMPTS)
        throw new Error(`no checkpoint of ${tenant} could be signed: ${decided.rejection.message}`);
    }
  }

  /** The checkpoint after what was gathered; undefined when there is nothing new but earlier checkpoints. */
  private async next(
    tenant: string,
    { state: { newest } }: Loaded<LogState>,
    changes: readonly NewReceipts[],
  ): Promise<SignedCheckpoint | undefined> {
    const signer = this.signer;
    if (signer === undefined) return undefined;
    const writer = await LogWriter.open(this.store.of(tenant), newest ?? { size: 0, pages: [] });
    const heads = new LogHeads(this.store.of(tenant));
    // The work is the colony's: whoever reads much of a tenant's log holds up no other tenant's.
    const slices = new Slices(PLATFORM);
    const own = logStream(tenant);
    let count = newest?.heads.count ?? 0;
    let added = 0;
    const hash = await heads.advance(newest?.heads.hash, changes, async (change, known) => {
      let head = known;
      for await (const commit of this.after(change, known)) {
        await writer.add(commitEntry(commit));
        head = { stream: commit.stream, index: commit.index, hash: commit.hash };
        if (change.stream !== own) added += 1;
        await slices.pause();
      }
      if (known === undefined && head !== undefined) count += 1;
      return head;
    });
    if (hash === undefined || added === 0) return undefined;
    await writer.add(headsEntry(count, hash));
    const { size, pages, root } = await writer.finish();
    const origin = newest?.origin ?? `${this.deps.host}/log/${tenant}`;
    const text = checkpointText({ origin, size, root });
    const note = noteOf(text, await signer.sign(origin, text));
    return { origin, size, root: root.toString('hex'), heads: { count, hash }, pages, note };
  }

  /** The receipts of a stream that are not in the log: those that were gathered, and before them what they follow. */
  private async *after(
    { stream, first, hashes }: NewReceipts,
    known: StreamHead | undefined,
  ): AsyncGenerator<StreamHead> {
    let next = (known?.index ?? -1) + 1;
    for (let end = first; next < end;) {
      try {
        const page = await this.deps.log.read(stream, next, Math.min(STREAM_PAGE, end - next));
        if (page.length === 0) return;
        yield* page;
        next += page.length;
      } catch (error) {
        if (!(error instanceof AlteredReceipt)) throw error;
        end = error.index;
      }
      if (next < end || end === first) continue;
      // It is logged, with what follows it, once it is what it was.
      this.deps.report('a receipt is not what was written: its stream is not logged from there on', {
        stream,
        index: end,
      });
      return;
    }
    for (const [i, hash] of hashes.entries()) {
      if (first + i < next) continue;
      yield { stream, index: first + i, hash };
    }
  }

  /**
   * Whoever signed the newest checkpoint may have died before it was shown: then what it holds is read again, as the
   * place in the feed is kept afterwards.
   */
  private async anchorAgain(tenant: string, { newest }: LogState): Promise<void> {
    if (newest !== undefined) await this.anchoring.show(tenant, newest);
  }

  // ---------------------------------------------------------------------------------------------------- every hour

  /**
   * An hour has passed: one round, however many deadlines were set for it by processes that have started. Answers when
   * the next one is due.
   */
  private async hourly(): Promise<Time> {
    const { clock, ports, report } = this.deps;
    const now = toTime(clock.now());
    const last = await ports.checkpoints.load(LAST);
    if (last !== undefined && now < plusSeconds(last, CHECKPOINT_EVERY_SECONDS - SLACK_SECONDS))
      return plusSeconds(last, CHECKPOINT_EVERY_SECONDS);
    await ports.checkpoints.save(LAST, now);
    // A round takes as long as it takes: it holds up no other deadline.
    void this.round().catch((error: unknown) => {
      report('checkpoints could not be made: the next hour tries again', { error: String(error) });
    });
    return plusSeconds(now, CHECKPOINT_EVERY_SECONDS);
  }

  // ------------------------------------------------------------------------------------------------------- a proof

  /**
   * Proves that a receipt is in the log of its tenant; undefined when there is no such receipt. Throws `AlteredReceipt`
   * when the log holds another one in its place.
   */
  async prove(tenant: string, place: CommitPlace): Promise<Proof | Rejection | undefined> {
    const { stream, index } = place;
    const [commit] = await this.deps.log.read(stream, index, 1);
    if (commit?.index !== index) return undefined;
    const { state, version } = await this.deps.logs.current(tenant, LOG_ID);
    const { newest } = state;
    const range = newest === undefined ? undefined : await this.rangeOf(tenant, version, place);
    if (newest === undefined || range === undefined)
      return new Rejection(
        'missing',
        'not-logged',
        `${commitRef(stream, index)} is in no checkpoint yet: it is within the hour, or after POST /v1/checkpoints`,
      );
    const reader = new LogReader(this.store.of(tenant), newest);
    const at = await leafOf(reader, range, place);
    if (at === undefined || (await reader.entry(at)) !== commitEntry(commit))
      throw new AlteredReceipt(stream, index, 'is another one in the signed log: it was replaced');
    return { index: at, path: await reader.path(at), checkpoint: newest };
  }

  /** Which leaves were added with a receipt: by the first checkpoint whose heads reach it. */
  private async rangeOf(
    tenant: string,
    version: number,
    { stream, index }: CommitPlace,
  ): Promise<readonly [from: number, to: number] | undefined> {
    const heads = new LogHeads(this.store.of(tenant));
    const checkpointAt = async (at: number) => {
      const [commit] = await this.deps.log.read(logStream(tenant), at, 1);
      return known(commit as Commit);
    };
    const holds = async (at: number) =>
      ((await heads.find((await checkpointAt(at)).heads.hash, stream))?.index ?? -1) >= index;
    if (!(await holds(version))) return undefined;
    let [low, high] = [0, version];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (await holds(middle)) high = middle;
      else low = middle + 1;
    }
    // The last leaf of a checkpoint is that of its heads.
    const { size } = await checkpointAt(low);
    return [low === 0 ? 0 : (await checkpointAt(low - 1)).size, size - 1];
  }
}

/** The leaf of a receipt among those of one checkpoint, which stand in order. */
async function leafOf(
  reader: LogReader,
  [from, to]: readonly [number, number],
  { stream, index }: CommitPlace,
): Promise<number | undefined> {
  const key = keyOf(stream);
  let [low, high] = [from, to];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const entry = parseEntry(await reader.entry(middle));
    if (entry?.kind !== 'commit') return undefined;
    const other = keyOf(entry.stream);
    if (other < key || (other === key && entry.index < index)) low = middle + 1;
    else high = middle;
  }
  return low < to ? low : undefined;
}

function known({ stream, index, at, events }: Commit): KnownCheckpoint {
  const [signed] = events as readonly LogEvent[];
  return { ...(signed as LogEvent).data, receipt: commitRef(stream, index), at };
}

/** A proof as C2SP has it (c2sp.org/tlog-proof). */
export function proofText({ index, path, checkpoint }: Proof): string {
  const lines = path.map((each) => `${each.toString('base64')}\n`).join('');
  return `c2sp.org/tlog-proof@v1\nindex ${index}\n${lines}\n${checkpoint.note}`;
}
