/** `formicary audit`: audit entries, by what they are of. */
import { type AuditEntry, AuditTrail } from '../../domain/audit/audit-entry';
import type { Commit } from '../../domain/kernel/commit';
import { factsOf } from '../facts';
import { firstOf } from '../lists';
import {
  bold,
  type Context,
  dim,
  duration,
  jsonLine,
  print,
  printTable,
  shortRef,
  timeOf,
  UsageError,
} from '../terminal';

export interface EntriesInput {
  readonly resource?: string;
  readonly category?: string;
  readonly event?: readonly string[];
  readonly by?: string;
  readonly status?: string;
  readonly correlation?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit?: number;
  readonly all?: boolean;
}

/** An entry, with the receipt that it is of. */
interface Found {
  readonly entry: AuditEntry;
  readonly commit: Commit;
}

/** Prints the audit entries that are asked for, oldest first. */
export async function entries(context: Context, input: EntriesInput): Promise<void> {
  const limit = input.all === true ? Infinity : input.limit;
  const found = await firstOf(matching(receipts(context, input), input), limit);
  const { rows } = found;
  // Events as they are, too: whoever reads it by program asks for more than sentences.
  if (context.json) for (const { entry, commit } of rows) print(jsonLine({ ...entry, events: commit.events }));
  else
    printTable(
      ['TIME', 'BY', 'ACTION', 'ON', 'STATUS', 'TOOK', 'WHAT', 'RECEIPT'],
      rows.map(({ entry, commit }) => [
        dim(entry.timestamp),
        entry.user ?? (entry.actor_kind === 'agent' ? (entry.agent_id ?? '') : entry.actor_kind),
        entry.action,
        bold(entry.resource),
        entry.status,
        entry.duration_ms === null ? '' : duration(entry.duration_ms),
        commit.events
          .filter(({ type }) => input.event?.includes(type) ?? true)
          .map((event) => `${event.type} ${factsOf(event)}`.trimEnd())
          .join('; '),
        dim(shortRef(entry.receipt)),
      ]),
    );
  found.sayMore();
}

function receipts({ client }: Context, { resource, category, correlation }: EntriesInput): AsyncIterable<Commit> {
  if (resource === undefined) return client.receipts.all({ category, correlation });
  const [, of = '', id = ''] = /^([^/]+)\/(.+)$/.exec(resource) ?? [];
  if (of === '') throw new UsageError(`${resource} names no resource`, 'Give CATEGORY/ID, for example task/inv-4711.');
  return client.receipts.stream(of, id);
}

async function* matching(commits: AsyncIterable<Commit>, input: EntriesInput): AsyncGenerator<Found> {
  const { event, by, status } = input;
  const from = input.from === undefined ? '' : timeOf(input.from, -1);
  const to = input.to === undefined ? undefined : timeOf(input.to, -1);
  const trail = new AuditTrail();
  for await (const commit of commits) {
    // All of them: the start of what ends in the period may lie before it.
    const entry = trail.next(commit);
    const { timestamp, agent_id, user } = entry;
    if (timestamp < from || (to !== undefined && timestamp >= to)) continue;
    if (event !== undefined && !entry.events.some((type) => event.includes(type))) continue;
    if (by !== undefined && by !== agent_id && by !== user) continue;
    if (status !== undefined && status !== entry.status) continue;
    yield { entry, commit };
  }
}
