/**
 * An attack as data: what is tried, and what must come of it. Attempts come in families that share a scene; each family
 * has a control, the same thing done by who may do it, which must succeed once all its attempts have failed. So an
 * attempt that fails only because it was ill-formed, or because the scene was not there, is found.
 */
import type { Sent } from './http';
import type { World } from './world';

export const AREAS = [
  'tokens',
  'identity',
  'tenants',
  'closed',
  'levels',
  'work',
  'approvals',
  'services',
  'votes',
  'policies',
  'rego',
  'budgets',
  'stops',
  'personal',
  'limits',
  'receipts',
  'input',
  'webhooks',
  'tools',
  'jobs',
  'mcp',
  'a2a',
  'logs',
  'exports',
  'anchors',
  'reports',
  'streams',
  'floods',
] as const;
export type Area = (typeof AREAS)[number];

export interface Attempt<S> {
  /** Unique within its family. */
  readonly id: string;
  /** What is tried, in a line. */
  readonly tries: string;
  /**
   * What may come back: of a request its status and the type of the problem (`403 forbidden`), else what the attempt
   * says. Anything else that is no refusal counts as a success of the attacker.
   */
  readonly expected: readonly string[];
  /** Categories of streams that it may write to: what it says is data. Receipts of denials may always be written. */
  readonly leaves?: readonly string[];
  readonly run: (world: World, scene: S) => Promise<string>;
}

export interface Control<S> {
  /** What is done, by whom. */
  readonly does: string;
  readonly expected: string;
  readonly run: (world: World, scene: S) => Promise<string>;
}

/** A family whose scene only itself knows. */
export interface Family {
  readonly area: Area;
  /** Unique within its area. */
  readonly name: string;
  readonly size: number;
  readonly run: (world: World, heard: Hearing) => Promise<void>;
}

export const VERDICTS = ['refused', 'succeeded', 'otherwise'] as const;

export interface Result {
  readonly id: string;
  readonly area: Area;
  readonly tried: string;
  readonly expected: readonly string[];
  readonly got: string;
  /** What was written meanwhile that must not have been: stream, and type of the event. */
  readonly written: readonly string[];
  /** `otherwise`: refused, and not as expected: a defect of the attempt or the product. */
  readonly verdict: (typeof VERDICTS)[number];
}

export interface ControlResult {
  readonly family: string;
  readonly does: string;
  readonly expected: string;
  readonly got: string;
  readonly good: boolean;
}

export interface Hearing {
  attempt(result: Result): void;
  control(result: ControlResult): void;
}

/** A status of HTTP, or a code of JSON-RPC. */
const REFUSAL = /^(?:[45]\d\d |-32\d{3}\b)/;

export function family<S>(
  area: Area,
  name: string,
  {
    prepare,
    attempts,
    control,
  }: {
    /** Makes what is attacked; nothing of it counts as written by an attempt. */
    readonly prepare: (world: World) => S | Promise<S>;
    readonly attempts: readonly Attempt<S>[];
    readonly control: Control<S>;
  },
): Family {
  return {
    area,
    name,
    size: attempts.length,
    async run(world, heard) {
      const scene = await prepare(world);
      await world.trace.mark();
      for (const attempt of attempts) heard.attempt(await carriedOut(world, scene, { area, name, attempt }));
      const { does, expected } = control;
      const got = await said(() => control.run(world, scene));
      heard.control({ family: `${area}/${name}`, does, expected, got, good: got === expected });
    },
  };
}

async function carriedOut<S>(
  world: World,
  scene: S,
  { area, name, attempt }: { readonly area: Area; readonly name: string; readonly attempt: Attempt<S> },
): Promise<Result> {
  const { id, tries, expected, leaves = [], run } = attempt;
  const got = await said(() => run(world, scene));
  const written = await world.trace.since(leaves);
  const verdict =
    written.length > 0
      ? 'succeeded'
      : expected.includes(got)
        ? 'refused'
        : REFUSAL.test(got)
          ? 'otherwise'
          : 'succeeded';
  return { id: `${area}/${name}/${id}`, area, tried: tries, expected, got, written, verdict };
}

/** What cannot be carried out has neither failed nor succeeded. */
async function said(run: () => Promise<string>): Promise<string> {
  try {
    return await run();
  } catch (error) {
    return `599 not carried out: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** An attempt that is one request; what comes back is its status and the type of the problem. */
export function asks<S>(
  id: string,
  tries: string,
  expected: string | readonly string[],
  request: (scene: S, world: World) => readonly [path: string, sent?: Sent],
  leaves?: readonly string[],
): Attempt<S> {
  return {
    ...{ id, tries, leaves, expected: typeof expected === 'string' ? [expected] : expected },
    run: (world, scene) => world.says(...request(scene, world)),
  };
}

/** An attempt of another form; what it returns says what came of it. */
export function tries<S>(
  id: string,
  what: string,
  expected: string | readonly string[],
  run: (world: World, scene: S) => string | Promise<string>,
  leaves?: readonly string[],
): Attempt<S> {
  return {
    ...{ id, leaves, tries: what, expected: typeof expected === 'string' ? [expected] : expected },
    run: async (world, scene) => await run(world, scene),
  };
}
