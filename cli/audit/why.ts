import { type Formicary, FormicaryError } from '../../client/client';
import { AGGREGATES } from '../../domain/aggregates';
import {
  type Causal,
  causalCategories,
  type CausalChain,
  causalChain,
  type CausalNode,
} from '../../domain/audit/causality';
import { isId, parseCommitRef, parseStream } from '../../domain/kernel/ids';
import { factsOf } from '../facts';
import { dataFolder, openFolder } from '../log-file';
import {
  bold,
  type Context,
  count,
  dim,
  duration,
  fullRef,
  note,
  print,
  printJson,
  shortHash,
  shortRef,
  styled,
  UsageError,
} from '../terminal';

export interface WhyInput {
  readonly id: string;
  readonly data?: string | boolean;
}

/** Prints what led to something and what followed, as a tree; `further` are aggregates that the domain's list lacks. */
export const why =
  (further: readonly Causal[]) =>
  async ({ client, globals, json }: Context, { id: given, data }: WhyInput): Promise<void> => {
    const id = fullRef(globals.tenant, given);
    const categories = causalCategories([...AGGREGATES, ...further]);
    const chain =
      data === undefined ? await client.why(id) : await offline(dataFolder(data), globals.tenant, id, categories);
    if (json) return printJson(chain);
    const waits = data === undefined && isId(id) ? await waitingFor(client, id) : undefined;
    for (const line of treeOf(chain)) print(line);
    if (waits !== undefined) print(`\n${bold('WHY')}  ${waits}`);
    const { complete, unsearched = [] } = chain;
    if (unsearched.length > 0)
      note(
        dim(
          `Long streams were not searched to their end, there may be more from ${unsearched.slice(0, 3).map(shortRef).join(', ')}${unsearched.length > 3 ? ', …' : ''} on.`,
        ),
      );
    else if (!complete)
      note(dim('There is more than one answer holds: ask for a receipt (stream@index) further down.'));
  };

/** Why the task of this id does not move; undefined when it does, or the id is of something else. */
async function waitingFor(client: Formicary, id: string): Promise<string | undefined> {
  try {
    return (await client.tasks.get(id)).why?.text;
  } catch (error) {
    if (error instanceof FormicaryError && error.status === 404) return undefined;
    throw error;
  }
}

async function offline(
  folder: string,
  tenant = 'default',
  id: string,
  categories: readonly string[],
): Promise<CausalChain> {
  const log = openFolder(folder);
  try {
    const chain = await causalChain(
      {
        categories,
        receipt: async (ref) => log.receipt(tenant, ref),
        members: (correlation) => log.members(tenant, correlation),
      },
      tenant,
      id,
    );
    if (chain !== undefined) return chain;
  } finally {
    log.close();
  }
  throw new UsageError(
    `nothing is known of ${id} in ${folder}`,
    "Give a task's id, a receipt (stream@index) or a correlation id, and --tenant unless it is default.",
  );
}

function treeOf({ id, commits, roots: uncaused }: CausalChain): string[] {
  const roots = withAnswers(uncaused);
  const nodes = roots.flatMap(flat);
  const times = nodes.map(({ at }) => at).sort();
  const first = times[0] as string;
  const last = times.at(-1) as string;
  const took = Date.parse(last) - Date.parse(first);
  const lines = [`${bold(id)}: ${count(commits, 'receipt')} from ${first} to ${last} (${duration(took)})`, ''];
  const sinceWidth = Math.max(...times.map((at) => sinceOf(at, first).length));

  const add = (node: CausalNode, branch: string, below: string) => {
    const since = sinceOf(node.at, first).padStart(sinceWidth);
    const date = node.at.slice(0, 10) === first.slice(0, 10) ? '' : `${node.at.slice(0, 10)} `;
    const time = `${since}  ${date}${node.at.slice(11, 23)}`;
    lines.push(
      `${dim(time)}  ${branch}${bold(node.action)} by ${styled('cyan', node.actor)}  ${dim(`${shortRef(node.receipt)}  ${shortHash(node.hash)}`)}`,
    );
    const stem = node.effects.length > 0 ? '│ ' : '  ';
    for (const event of node.events)
      lines.push(`${' '.repeat(time.length)}  ${below}${stem}${event.type} ${dim(factsOf(event))}`.trimEnd());
    node.effects.forEach((effect, i) => {
      const isLast = i === node.effects.length - 1;
      add(effect, `${below}${isLast ? '└─ ' : '├─ '}`, `${below}${isLast ? '   ' : '│  '}`);
    });
  };
  for (const root of roots) add(root, '', '');
  return lines;
}

function sinceOf(at: string, first: string): string {
  const milliseconds = Date.parse(at) - Date.parse(first);
  return milliseconds === 0 ? '0' : `+${duration(milliseconds)}`;
}

/** Streams in which something is asked, and answered by whoever it was put to. */
const ASKING = ['round', 'approval', 'action'];

/**
 * Votes and what people say have no cause of their own: each stands below what it answers, the last asking before it in
 * its stream.
 */
function withAnswers(roots: readonly CausalNode[]): readonly CausalNode[] {
  const places = new Map(roots.flatMap(flat).map((node) => [node, placeOf(node)]));
  const answered = new Map<CausalNode, CausalNode[]>();
  const others = roots.filter((root) => {
    const { stream, index } = placeOf(root);
    const earlier = [...places].filter(
      ([node, place]) => place.stream === stream && place.index < index && (place.index === 0 || !roots.includes(node)),
    );
    const [asking] = earlier.sort(([, a], [, b]) => b.index - a.index)[0] ?? [];
    if (asking === undefined || !ASKING.includes(parseStream(stream).category)) return true;
    answered.set(asking, [...(answered.get(asking) ?? []), root]);
    return false;
  });
  const rebuilt = (node: CausalNode): CausalNode => {
    const effects = [...node.effects, ...(answered.get(node) ?? [])].sort((a, b) =>
      a.at < b.at ? -1 : a.at > b.at ? 1 : 0,
    );
    return { ...node, effects: effects.map(rebuilt) };
  };
  return others.map(rebuilt);
}

function placeOf({ receipt }: CausalNode): { readonly stream: string; readonly index: number } {
  return parseCommitRef(receipt) as { stream: string; index: number };
}

function flat(node: CausalNode): CausalNode[] {
  return [node, ...node.effects.flatMap(flat)];
}
