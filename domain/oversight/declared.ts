/**
 * What a proposed action says of itself that policy looks at. The action is the caller's own, so these are names that
 * it may use at the top of it; whoever proposes it answers for them, and the receipt holds what was said.
 */
export const DECLARED = [
  /** The tool and the model that it uses: while one of them is stopped it is not taken. */
  'tool',
  'model',
  /** Where it has its effect, for example `production`. */
  'environment',
  /** The permission level that it takes: read_only, read_write, execute or critical. */
  'level',
  /** Whether it touches personal data, and whether those are stored and sent encrypted. */
  'personal_data',
  'encrypted',
  /** What it takes of a machine. */
  'cpu_millis',
  'memory_bytes',
  /** Of a workflow: the agents that take part, and whether it was validated as a whole. */
  'agents',
  'validated',
  /** Of what repairs the system: that it is such, was checked to be safe, and how it is verified after. */
  'remediation',
  'checked',
  'verified_by',
] as const;

export type Declared = Partial<Readonly<Record<(typeof DECLARED)[number], unknown>>>;

/** What the action says, as it says it; nothing of one that is no object. */
export function declaredBy(action: unknown): Declared {
  if (typeof action !== 'object' || action === null) return {};
  const said = DECLARED.filter((name) => Object.hasOwn(action, name));
  return Object.fromEntries(said.map((name) => [name, (action as Declared)[name]]));
}
