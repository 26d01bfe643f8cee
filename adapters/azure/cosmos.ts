/**
 * The connection to Cosmos DB that all stores of a process share: one client, one way to ask and to try again, and the
 * definitions of the containers.
 */
import type {
  ConnectionPolicy,
  Container,
  ContainerRequest,
  CosmosClient,
  Database,
  FeedResponse,
  OperationInput,
  SqlQuerySpec,
} from '@azure/cosmos';
import { StoreBusy } from '../../app/engine/ports';
import { type Charged, CostMeter } from './cosmos-cost';

/**
 * The containers, as Bicep makes them and as test servers need them. `events` is read by stream and id, or by the
 * command that a commit answers, `state` by id; views filter on fields of their documents and answer in order of
 * (key, source).
 */
export const CONTAINERS = {
  events: {
    id: 'events',
    partitionKey: { paths: ['/stream'], kind: 'Hash', version: 2 },
    indexingPolicy: {
      indexingMode: 'consistent',
      automatic: true,
      includedPaths: [{ path: '/command/?' }],
      excludedPaths: [{ path: '/*' }],
    },
  },
  // Of streams: derived from `events`, and apart from it, as nothing there may be rewritten.
  snapshots: {
    id: 'snapshots',
    partitionKey: { paths: ['/stream'], kind: 'Hash', version: 2 },
    indexingPolicy: { indexingMode: 'consistent', automatic: true, includedPaths: [], excludedPaths: [{ path: '/*' }] },
  },
  views: {
    id: 'views',
    partitionKey: { paths: ['/partition'], kind: 'Hash', version: 2 },
    indexingPolicy: {
      indexingMode: 'consistent',
      automatic: true,
      // What queries filter on: where a row stands, or those of a pack, and the fields that views declare.
      includedPaths: [
        { path: '/key/?' },
        { path: '/keys/[]/?' },
        { path: '/source/?' },
        { path: '/doc/agent/?' },
        { path: '/doc/agent_type/?' },
        { path: '/doc/api/?' },
        { path: '/doc/by/?' },
        { path: '/doc/capability/[]/?' },
        { path: '/doc/compensation/?' },
        { path: '/doc/correlation_id/?' },
        { path: '/doc/deprecated/?' },
        { path: '/doc/ended_on/?' },
        { path: '/doc/escalated/?' },
        { path: '/doc/events/[]/?' },
        { path: '/doc/goneAt/?' },
        { path: '/doc/group/[]/?' },
        { path: '/doc/kind/?' },
        { path: '/doc/operations/[]/?' },
        { path: '/doc/outcome/?' },
        { path: '/doc/pool/?' },
        { path: '/doc/proposed_on/?' },
        { path: '/doc/requester/?' },
        { path: '/doc/severity/?' },
        { path: '/doc/status/?' },
        { path: '/doc/stream/?' },
        { path: '/doc/strength/?' },
        { path: '/doc/task_type/?' },
        { path: '/doc/type/?' },
        { path: '/doc/voter/[]/?' },
      ],
      excludedPaths: [{ path: '/*' }],
      compositeIndexes: [
        [
          { path: '/key', order: 'ascending' },
          { path: '/source', order: 'ascending' },
        ],
      ],
    },
  },
  // Of the triggers on `events`: found by their ids, which the service always has in its index.
  leases: {
    id: 'leases',
    partitionKey: { paths: ['/id'], kind: 'Hash', version: 2 },
    defaultTtl: -1,
    indexingPolicy: { indexingMode: 'consistent', automatic: true, includedPaths: [], excludedPaths: [{ path: '/*' }] },
  },
  state: {
    id: 'state',
    partitionKey: { paths: ['/id'], kind: 'Hash', version: 2 },
    // Presence and keys end by themselves, checkpoints don't.
    defaultTtl: -1,
    indexingPolicy: { indexingMode: 'consistent', automatic: true, includedPaths: [], excludedPaths: [{ path: '/*' }] },
  },
  // Of people that data is about, wrapped: apart from what they open.
  subjects: {
    id: 'subjects',
    partitionKey: { paths: ['/id'], kind: 'Hash', version: 2 },
    indexingPolicy: { indexingMode: 'consistent', automatic: true, includedPaths: [], excludedPaths: [{ path: '/*' }] },
  },
} as const;

/** How long one call goes on trying; the last try has a second more. */
const PATIENCE_MS = 4_000;
const LAST_TRY_MS = 1_000;
const FIRST_WAIT_MS = 10;
const LONGEST_WAIT_MS = 1_000;

/**
 * Timeouts, moved partitions, too many requests, conflicts of replication, overload: the documentation says to try
 * again.
 */
const TRANSIENT = new Set<unknown>([
  408,
  410,
  429,
  449,
  503,
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'TimeoutError',
  'REQUEST_SEND_ERROR',
]);

/** An answer that says in its body, not by its status, that something went wrong. */
export class AnsweredWith extends Error {
  constructor(
    readonly code: number,
    readonly headers: Charged['headers'],
    readonly diagnostics: Charged['diagnostics'],
  ) {
    super(`Cosmos DB answered ${code}`);
  }
}

/** For the client: `call` waits for what is throttled, with jitter, and sees how long that lasts. */
export const CONNECTION_POLICY: ConnectionPolicy = {
  requestTimeout: PATIENCE_MS,
  retryOptions: { maxRetryAttemptCount: 0 },
};

export class Cosmos {
  readonly meter = new CostMeter();
  private opened: Database | undefined;
  private openedDerived: Database | undefined;

  /**
   * The clients are asked for when they are first needed, and have `CONNECTION_POLICY`. `clientDerived` may be less
   * consistent than the account.
   */
  constructor(
    private readonly client: () => CosmosClient,
    private readonly database: string,
    private readonly clientDerived: () => CosmosClient = client,
  ) {}

  /** For what is true: what was acknowledged is read by whoever reads next. */
  container(name: keyof typeof CONTAINERS): Container {
    this.opened ??= this.client().database(this.database);
    return this.opened.container(name);
  }

  /** For what is derived, or heals itself: what others have written may be read a moment later. */
  derived(name: keyof typeof CONTAINERS): Container {
    this.openedDerived ??= this.clientDerived().database(this.database);
    return this.openedDerived.container(name);
  }

  /**
   * Makes database and containers where they are missing: for test servers and emulators; on Azure, Bicep has made
   * them.
   */
  async createContainers(): Promise<void> {
    await this.make((options) => this.client().databases.createIfNotExists({ id: this.database }, options));
    const { containers } = this.client().database(this.database);
    for (const definition of Object.values(CONTAINERS))
      await this.make((options) => containers.createIfNotExists(definition as unknown as ContainerRequest, options));
  }

  /** After how many seconds documents of a container go by themselves; undefined: they stay. */
  async expiry(name: keyof typeof CONTAINERS): Promise<number | undefined> {
    const { resource } = await this.call('container', (options) => this.container(name).read(options));
    const seconds = resource?.defaultTtl ?? 0;
    return seconds > 0 ? seconds : undefined;
  }

  /**
   * Looks and makes are two requests: another process may have made it in between, or this one, whose answer was lost.
   */
  private async make(request: (options: { readonly abortSignal: AbortSignal }) => Promise<object>): Promise<void> {
    await this.call('make', request).catch((error: unknown) => {
      if (codeOf(error) !== 409) throw error;
    });
  }

  /**
   * Asks, and asks again while the trouble is one that passes. Since an answer can be lost after a write, `request` has
   * to be such that a second one does no harm. Throws `StoreBusy` when throttling lasts and every answer was that: the
   * request was not done. Else throws what the SDK has thrown: a request before the last may have been done.
   */
  async call<T extends object>(
    operation: string,
    request: (options: { readonly abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    const ends = performance.now() + PATIENCE_MS;
    const abortSignal = AbortSignal.timeout(PATIENCE_MS + LAST_TRY_MS);
    let throttledOnly = true;
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(LONGEST_WAIT_MS, 2 * wait)) {
      try {
        const answer = await request({ abortSignal });
        this.meter.count(operation, answer, false);
        return answer;
      } catch (error) {
        const { code, headers, retryAfterInMs } = answerOf(error);
        this.meter.count(operation, { headers, diagnostics: (error as Charged).diagnostics }, code === 429);
        if (!TRANSIENT.has(code)) throw error;
        throttledOnly &&= code === 429;
        const asked = code === 429 ? Number(retryAfterInMs ?? FIRST_WAIT_MS) : 0;
        const pause = asked + wait * Math.random();
        if (performance.now() + pause >= ends) {
          const retryAfterMs = Math.max(asked, LONGEST_WAIT_MS);
          if (throttledOnly)
            throw new StoreBusy(
              `Cosmos DB is out of request units (${operation}): try again in ${retryAfterMs} ms, or give it more throughput`,
              retryAfterMs,
              { cause: error },
            );
          throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  /**
   * Does all of it in one partition, or nothing. False when nothing was: an item is there, or is not, or a condition
   * doesn't hold.
   */
  async batch(
    operation: string,
    container: Container,
    partitionKey: string,
    operations: readonly OperationInput[],
  ): Promise<boolean> {
    const { done } = await this.call(operation, async (options) => {
      // The SDK changes what it is given.
      const answer = await container.items.batch([...operations], partitionKey, {
        ...options,
        contentResponseOnWriteEnabled: false,
      });
      const code =
        answer.result?.find(({ statusCode }) => statusCode >= 300 && statusCode !== 424)?.statusCode ??
        Number(answer.code);
      if (code !== 200 && ![404, 409, 412].includes(code))
        throw new AnsweredWith(code, answer.headers, answer.diagnostics);
      return { ...answer, done: code === 200 };
    });
    return done;
  }

  /** Every item of a query in one partition, or in all of a small container, at most `limit`. */
  async query<T>(
    operation: string,
    container: Container,
    partitionKey: string | undefined,
    query: SqlQuerySpec,
    limit: number,
  ): Promise<T[]> {
    const found: T[] = [];
    for (let continuationToken: string | undefined; ;) {
      const page: FeedResponse<T> = await this.call(operation, (options) =>
        container.items
          .query<T>(query, { ...options, partitionKey, maxItemCount: limit - found.length, continuationToken })
          .fetchNext(),
      );
      found.push(...page.resources);
      continuationToken = page.continuationToken;
      if (continuationToken === undefined || found.length >= limit) return found;
    }
  }
}

/** Digits of a commit's id. */
const ID_DIGITS = 12;

/** The id of a commit's document, or of what belongs to it: in the order of indexes. */
export function commitId(index: number): string {
  return String(index).padStart(ID_DIGITS, '0');
}

/** The status or the system's error code of what the SDK throws. */
export function codeOf(error: unknown): unknown {
  return answerOf(error).code;
}

interface FailedAnswer {
  readonly code?: unknown;
  readonly headers?: Charged['headers'];
  readonly retryAfterInMs?: number;
}

/** What the service has answered: an error of the SDK says so itself, or, from a batch, its cause does. */
function answerOf(error: unknown): FailedAnswer {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return code === undefined && typeof cause === 'object' && cause !== null ? cause : (error as FailedAnswer);
}
