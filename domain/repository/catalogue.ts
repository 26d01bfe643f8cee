/**
 * The repository of agent types: what an entry is, and how entries are filtered, searched, recommended and customised.
 * Field names are the wire's. The built-in entries are in `catalogue-data.ts`.
 */
import { isId } from '../kernel/ids';

export const COST_TIERS = ['always_on', 'business_hours', 'on_demand'] as const;
export type CostTier = (typeof COST_TIERS)[number];

/** The states that a new instance may start in. */
export const DEFAULT_LIFECYCLES = ['active', 'sleeping', 'cold'] as const;
export type DefaultLifecycle = (typeof DEFAULT_LIFECYCLES)[number];

/** Where a type belongs; `meta`: to no department or industry, it serves other agents. */
export const CATEGORIES = ['departmental', 'industry', 'meta'] as const;
export type Category = (typeof CATEGORIES)[number];

/** One agent type that can be deployed. Entries are shared by all tenants; they hold no tenant's data. */
export interface AgentTypeEntry {
  /** `group.name` in lower snake case, for example `supply_chain.inventory`; unique. */
  readonly agent_type: string;
  readonly name: string;
  /** One sentence. */
  readonly description: string;
  readonly category: Category;
  /** Present when the category is `departmental`: finance, hr, crm, supply_chain, sales, marketing or it. */
  readonly department?: string;
  /** Present when the category is `industry`: finserv, retail, manufacturing, healthcare or lifesciences. */
  readonly industry_vertical?: string;
  /** `MAJOR.MINOR.PATCH`. */
  readonly version: string;
  /** What a task may ask for, in lower snake case; never empty. */
  readonly capabilities: readonly string[];
  /** Ids of tools that must be registered before the type can work. */
  readonly required_tools: readonly string[];
  readonly cost_tier: CostTier;
  readonly default_lifecycle: DefaultLifecycle;
  /** USD per active hour. */
  readonly estimated_cost_per_hour: number;
  readonly tags: readonly string[];
}

/** An entry of a tenant's own, derived from another one. */
export interface CustomEntry extends AgentTypeEntry {
  /** The entry that it was derived from, as `agent_type@version`. */
  readonly based_on: string;
}

// --- Filter -----------------------------------------------------------------------------------------------------

export interface EntryFilter {
  readonly department?: string;
  readonly industry?: string;
  readonly capability?: string;
}

/** The entries that match every given criterion exactly, in their order. */
export function filterEntries<E extends AgentTypeEntry>(entries: readonly E[], filter: EntryFilter): E[] {
  const { department, industry, capability } = filter;
  return entries.filter(
    (entry) =>
      (department === undefined || entry.department === department) &&
      (industry === undefined || entry.industry_vertical === industry) &&
      (capability === undefined || entry.capabilities.includes(capability)),
  );
}

// --- Search -----------------------------------------------------------------------------------------------------

/** What is searched, and how much a word in that field counts. */
const FIELD_WEIGHTS = {
  agent_type: 4,
  name: 3,
  capabilities: 3,
  tags: 2,
  department: 2,
  industry_vertical: 2,
  description: 1,
} as const;
export type SearchField = keyof typeof FIELD_WEIGHTS;
export const SEARCH_FIELDS = Object.keys(FIELD_WEIGHTS) as SearchField[];

/** Share of a word's weight when the query holds only its beginning. */
const PREFIX_SHARE = 0.5;
const MIN_PREFIX = 3;
/** Weight at which a term reaches half of its possible score (BM25's k1). */
const SATURATION = 2;

const STOP_WORDS = new Set(
  'a an and are as at by for from in into is it its of on or that the their to who with'.split(' '),
);

interface Word {
  readonly text: string;
  readonly stem: string;
}

/** Endings that one stem shares, longest first; `z` was folded to `s` before, so that both spellings meet. */
const ENDINGS = /(?:isations?|ising|ised?|ises|ations?|ions?|ings?|ives?|ies|ed|es|e|y|s)$/;

/** `optimization`, `optimises` → `optim`; `planning`, `plans` → `plan`; `inventories` → `inventor`. */
function stemOf(text: string): string {
  if (/(?:ss|us|is)$/.test(text)) return text;
  const stem = text.replace(ENDINGS, '');
  if (stem.length < MIN_PREFIX) return text;
  return stem.replace(/([bdgmnprt])\1$/, '$1');
}

function wordsOf(text: string): Word[] {
  const texts = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return texts
    .filter((word) => !STOP_WORDS.has(word))
    .map((word) => word.replaceAll('z', 's'))
    .map((word) => ({ text: word, stem: stemOf(word) }));
}

/** 1 for the same stem, `PREFIX_SHARE` when `word` begins with what was typed, else 0. */
function likeness(typed: Word, word: Word): number {
  if (word.stem === typed.stem) return 1;
  return typed.text.length >= MIN_PREFIX && word.text.startsWith(typed.text) ? PREFIX_SHARE : 0;
}

export interface SearchHit<E extends AgentTypeEntry = AgentTypeEntry> {
  readonly entry: E;
  /** Above 0; comparable only within one answer. */
  readonly score: number;
  /** The fields in which a word of the query was found, heaviest first. */
  readonly matched: readonly SearchField[];
}

/**
 * The entries that hold at least one word of `q`, best first; equal scores are ordered by `agent_type`, so the
 * order of `entries` does not matter. No word in `q` finds nothing.
 *
 * The ranking is BM25 over weighted fields, without its length norm, since all fields are short:
 *
 *     score(entry) = Σ over distinct words t of q:  idf(t) · w / (w + 2)
 *     w            = Σ over fields f:  weight(f) · best likeness of t among the words of f
 *     idf(t)       = ln(1 + (N − n + 0.5) / (n + 0.5)),  n of the N entries hold t
 */
export function searchEntries<E extends AgentTypeEntry>(entries: readonly E[], q: string): SearchHit<E>[] {
  const query = new Map(wordsOf(q).map((word) => [word.stem, word]));
  const documents = entries.map((entry) => ({
    entry,
    fields: SEARCH_FIELDS.map((field) => ({ field, words: wordsOf([entry[field] ?? ''].flat().join(' ')) })),
    score: 0,
    matched: new Set<SearchField>(),
  }));
  for (const typed of query.values()) {
    const found = documents.flatMap((document) => {
      let weight = 0;
      for (const { field, words } of document.fields) {
        const best = Math.max(0, ...words.map((word) => likeness(typed, word)));
        if (best > 0) document.matched.add(field);
        weight += FIELD_WEIGHTS[field] * best;
      }
      return weight > 0 ? [{ document, weight }] : [];
    });
    const idf = Math.log(1 + (entries.length - found.length + 0.5) / (found.length + 0.5));
    for (const { document, weight } of found) document.score += (idf * weight) / (weight + SATURATION);
  }
  return documents
    .filter(({ score }) => score > 0)
    .map(({ entry, score, matched }) => ({
      entry,
      score,
      matched: SEARCH_FIELDS.filter((field) => matched.has(field)),
    }))
    .sort((a, b) => b.score - a.score || (a.entry.agent_type < b.entry.agent_type ? -1 : 1));
}

/**
 * Other types to consider beside `base`, best first: those that a search for its capabilities and tags finds.
 * `base` itself is left out.
 */
export function recommend<E extends AgentTypeEntry>(entries: readonly E[], base: AgentTypeEntry): SearchHit<E>[] {
  const others = entries.filter((entry) => entry.agent_type !== base.agent_type);
  return searchEntries(others, [...base.capabilities, ...base.tags].join(' '));
}

// --- Customise --------------------------------------------------------------------------------------------------

/** What is wrong with a field, and what it has to be. */
export interface Problem {
  readonly field: string;
  readonly message: string;
}

export type Customisation = { readonly entry: CustomEntry } | { readonly problems: readonly Problem[] };

const AGENT_TYPE = /^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$/;
const CAPABILITY = /^[a-z][a-z0-9_]*$/;
const TAG = /^[a-z0-9][a-z0-9_-]*$/;
const VERSION = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$/;

const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';
const isOneOf = (values: readonly string[]) => (value: unknown) => typeof value === 'string' && values.includes(value);
const isSetOf = (isItem: (item: string) => boolean) => (value: unknown) =>
  Array.isArray(value) &&
  value.every((item) => typeof item === 'string' && isItem(item)) &&
  new Set(value).size === value.length;

/** The fields that a customisation may change; the others tell where the base belongs and are inherited. */
const CHANGEABLE: ReadonlyMap<string, { accepts: (value: unknown) => boolean; rule: string }> = new Map([
  [
    'agent_type',
    {
      accepts: (value: unknown) => isText(value) && isId(value) && AGENT_TYPE.test(value),
      rule: 'must look like group.name: lower case letters, digits and underscores, at most 128 characters',
    },
  ],
  ['name', { accepts: isText, rule: 'must be a text that is not empty' }],
  ['description', { accepts: isText, rule: 'must be a text that is not empty' }],
  ['version', { accepts: (value: unknown) => isText(value) && VERSION.test(value), rule: 'must be MAJOR.MINOR.PATCH' }],
  [
    'capabilities',
    {
      accepts: (value: unknown) => isSetOf((item) => CAPABILITY.test(item))(value) && (value as string[]).length > 0,
      rule: 'must be a list of at least one capability, each once, in lower snake case',
    },
  ],
  ['required_tools', { accepts: isSetOf(isId), rule: 'must be a list of tool ids, each once' }],
  ['cost_tier', { accepts: isOneOf(COST_TIERS), rule: `must be one of ${COST_TIERS.join(', ')}` }],
  [
    'default_lifecycle',
    { accepts: isOneOf(DEFAULT_LIFECYCLES), rule: `must be one of ${DEFAULT_LIFECYCLES.join(', ')}` },
  ],
  [
    'estimated_cost_per_hour',
    {
      accepts: (value: unknown) => typeof value === 'number' && Number.isFinite(value) && value >= 0,
      rule: 'must be a number of USD per hour, 0 or more',
    },
  ],
  ['tags', { accepts: isSetOf((item) => TAG.test(item)), rule: 'must be a list of tags, each once, in lower case' }],
]);

/** Their names, for whoever describes what may be different. */
export const CHANGEABLE_FIELDS = [...CHANGEABLE.keys()].filter((field) => field !== 'agent_type');

/** How far an entry is from its base, as the index of the version part that has to grow: 0 major, 1 minor, 2 patch. */
function leastBump(base: AgentTypeEntry, entry: AgentTypeEntry): 0 | 1 | 2 {
  const lacks = (list: readonly string[], items: readonly string[]) => items.some((item) => !list.includes(item));
  if (lacks(entry.capabilities, base.capabilities) || lacks(base.required_tools, entry.required_tools)) return 0;
  const behavesDifferently =
    lacks(base.capabilities, entry.capabilities) ||
    lacks(entry.required_tools, base.required_tools) ||
    entry.cost_tier !== base.cost_tier ||
    entry.default_lifecycle !== base.default_lifecycle;
  return behavesDifferently ? 1 : 2;
}

function bumped(version: string, part: 0 | 1 | 2): string {
  return version
    .split('.')
    .map((number, index) => (index < part ? number : index === part ? Number(number) + 1 : 0))
    .join('.');
}

/** Negative when version `a` is older than `b`. */
function compareVersions(a: string, b: string): number {
  const [x, y] = [a, b].map((version) => version.split('.').map(Number)) as [number[], number[]];
  return x.map((number, index) => number - (y[index] ?? 0)).find((difference) => difference !== 0) ?? 0;
}

/**
 * Derives a tenant's own entry from `base`. `overrides` is caller's input: a new `agent_type` (needed) and any of
 * name, description, version, capabilities, required_tools, cost_tier, default_lifecycle, estimated_cost_per_hour
 * and tags; lists replace the base's lists. That the new id is still free is for the caller to check.
 *
 * The version has to tell a user of the base what to expect, so it grows at least by (semantic versioning):
 * - a major step, when a capability of the base is gone or a required tool was added;
 * - a minor step, when a capability was added, a required tool is gone, or the tier or the lifecycle differs;
 * - a patch step otherwise.
 * Without `version` that least step is taken.
 *
 * Answers with the entry, or with everything that is wrong: unknown or inherited fields, malformed values, no or the
 * base's own id, a list of capabilities left empty, a version below the least step.
 */
export function customise(base: AgentTypeEntry, overrides: Readonly<Record<string, unknown>>): Customisation {
  const problems: Problem[] = [];
  for (const [field, value] of Object.entries(overrides)) {
    const change = CHANGEABLE.get(field);
    if (change === undefined) problems.push({ field, message: 'is not a field that can be changed; leave it out' });
    else if (!change.accepts(value)) problems.push({ field, message: change.rule });
  }
  if (overrides.agent_type === undefined || overrides.agent_type === base.agent_type) {
    problems.push({ field: 'agent_type', message: 'must be given, and differ from the id of the base' });
  }
  if (problems.length > 0) return { problems };

  const changed: AgentTypeEntry = { ...base, ...overrides };
  const least = bumped(base.version, leastBump(base, changed));
  const version = overrides.version === undefined ? least : changed.version;
  if (compareVersions(version, least) < 0) {
    const message = `must be ${least} or later, for what was changed since ${base.version}`;
    return { problems: [{ field: 'version', message }] };
  }
  return { entry: { ...changed, version, based_on: `${base.agent_type}@${base.version}` } };
}
