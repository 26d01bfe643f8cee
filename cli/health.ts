/** What a host says of itself. */
import { count, UsageError } from './terminal';

/** The answer of `/health/ready`. */
export interface Health {
  readonly ready: boolean;
  /** Why it is not ready; or, where it is, what comes later than it should. */
  readonly reasons: readonly string[];
  /** When it answered, by its own clock and in whole seconds; NaN where it does not say. */
  readonly date: number;
}

/** Longer than a host looks at itself. */
const PATIENCE_MS = 10_000;

/** Undefined when nothing answers. Throws `UsageError` when something else than a host does. */
export async function healthOf(url: string): Promise<Health | undefined> {
  const answer = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(PATIENCE_MS) }).catch(
    () => undefined,
  );
  if (answer === undefined) return undefined;
  const {
    status,
    reasons,
    degraded,
    altered_receipts: altered = 0,
  } = ((await answer.json().catch(() => undefined)) ?? {}) as {
    status?: unknown;
    reasons?: string[];
    degraded?: string[];
    altered_receipts?: number;
  };
  if (status !== 'ready' && status !== 'not ready')
    throw new UsageError(
      `what answers at ${url} is no Formicary host`,
      'Name another address with --url or FORMICARY_URL.',
    );
  const unread =
    altered > 0 ? [`${count(altered, 'stream')} can't be read or written, because a receipt was altered`] : [];
  return {
    ready: status === 'ready',
    reasons: [...(reasons ?? degraded ?? []), ...unread],
    date: Date.parse(answer.headers.get('date') ?? ''),
  };
}
