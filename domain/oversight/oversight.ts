/**
 * Oversight: whether an action may be taken by agents alone, waits for a veto, is put to a vote first, or needs a
 * person. The rules are data, one set for each kind of action, and each answer repeats what it was made from.
 */
import { canonicalize, type PolicyReceipt, sha256 } from '../kernel/commit';
import { type Decider, type Decision, type Event, Rejection } from '../kernel/decider';
import { isId, streamName } from '../kernel/ids';
import { own } from '../kernel/own';
import type { PrincipalKind } from '../kernel/principal';
import { isText } from '../kernel/text';
import { doubledVoters, type Electorate, electorateProblems } from './consensus';
import { IMPACTS } from './statuses';

// -------------------------------------------------------------------------------------------- what all gates share

export type Impact = (typeof IMPACTS)[number];

/**
 * What comes of an action that nobody decided in time. It is never the action itself. `postpone`: it waits until
 * someone opens its approval again.
 */
export const SAFE_DEFAULTS = ['refuse', 'postpone'] as const;
export type SafeDefault = (typeof SAFE_DEFAULTS)[number];

/** Who decides. `groups` are those that its token says. */
export interface Person {
  readonly by: string;
  readonly kind: PrincipalKind;
  readonly groups?: readonly string[];
}

/** How urgently people are asked. */
export interface Severity {
  readonly severity: Impact;
  /** 20 to 100; queues are sorted by it, highest first. */
  readonly score: number;
}

/**
 * score = 20 · rank of the impact (1 to 4) + 20 · risk; critical from 80, high from 60, medium from 40. So risk raises
 * an impact by at most one step.
 */
export function severityOf(impact: Impact, risk: number): Severity {
  const score = 20 * (IMPACTS.indexOf(impact) + 1) + 20 * risk;
  return { severity: IMPACTS[Math.min(3, Math.floor(score / 20) - 1)] as Impact, score };
}

/** How many people a decision takes: two where it is critical. It is the same for an approval and for an override. */
export function peopleNeeded(impact: Impact, risk: number): 1 | 2 {
  return severityOf(impact, risk).severity === 'critical' ? 2 : 1;
}

/** Longest reason, in characters. */
export const MAX_REASON = 2_000;

export function missingReason(reason: string): Rejection | undefined {
  return isText(reason, MAX_REASON)
    ? undefined
    : new Rejection('invalid', 'reason-needed', `say why, in 1 to ${MAX_REASON} characters`);
}

// ---------------------------------------------------------------------------------------------------------- rules

/**
 * Full automation within policy; a person before each action; a person who decides with the agents; a person who
 * watches and may step in.
 */
export const MODES = ['full_automation', 'human_approval', 'human_in_the_loop', 'human_on_the_loop'] as const;
export type Mode = (typeof MODES)[number];

export const MAX_APPROVER_GROUPS = 10;
export const MAX_MEMBERS = 100;
/** Longest wait for a group, a veto or a vote: 30 days. */
export const MAX_WAIT_SECONDS = 30 * 86_400;
/** Largest rules of one kind, in bytes of their RFC 8785 form. */
export const MAX_RULES_BYTES = 64 * 1024;
export const MAX_KINDS = 100;

/** One step of the ladder of approvers. */
export interface ApproverGroup {
  readonly group: string;
  /** Ids of people. Whoever's token names the group belongs to it as well. */
  readonly members: readonly string[];
  /** They may decide as the members may. */
  readonly deputies?: readonly string[];
  /** How long the group has before the next is asked too. */
  readonly seconds: number;
}

/** When agents vote: before each action, or only where a person would be asked. */
export const ROUND_WHEN = ['always', 'escalated'] as const;

/** The vote that agents hold before the action goes on. */
export interface RoundRules extends Electorate {
  /** `escalated`: only when the action would go to a person, who then sees what the agents think. */
  readonly when: (typeof ROUND_WHEN)[number];
  readonly round_seconds: number;
  /** Further passes after one without agreement, 0 to 5. */
  readonly improvement_rounds: number;
}

/** Kind of the rounds that decide on challenges; its rules, where there are any, say who judges. */
export const CHALLENGE_KIND = 'challenge';

export interface OversightRules {
  readonly mode: Mode;
  /** With `human_on_the_loop`, and only then: how long people have to step in. */
  readonly veto_seconds?: number;
  /** A person is asked below `confidence`, below `consensus`, above `novelty`, and from `impact` on. */
  readonly thresholds: {
    readonly confidence: number;
    readonly consensus: number;
    readonly novelty: number;
    readonly impact: Impact;
  };
  /** For self-optimisation: it acts alone only above this confidence and below this risk. */
  readonly acts_alone?: { readonly confidence: number; readonly risk: number };
  /** Asked in this order. */
  readonly approvers: readonly ApproverGroup[];
  readonly safe_default: SafeDefault;
  readonly round?: RoundRules;
  /** Of the kind `challenge`, and only there: true when a challenged award is not accepted before it is decided. */
  readonly holds_awards?: boolean;
}

/** What holds for a kind that nobody configured: acting alone is something that people give, so a person approves. */
export const DEFAULT_RULES: OversightRules = {
  mode: 'human_approval',
  thresholds: { confidence: 0.7, consensus: 0.75, novelty: 0.5, impact: 'high' },
  approvers: [
    { group: 'approvers', members: [], seconds: 3_600 },
    { group: 'administrators', members: [], seconds: 3_600 },
  ],
  safe_default: 'refuse',
};

/** The limits of self-optimisation: data for `acts_alone` of its kinds. */
export const SELF_OPTIMISATION = { confidence: 0.85, risk: 0.2 } as const;

/** What is wrong with the rules of a kind, a sentence for each fault. */
export function rulesProblems(kind: string, rules: OversightRules): string[] {
  const problems: string[] = [];
  const need = (holds: boolean, rule: string) => {
    if (!holds) problems.push(rule);
  };
  const { thresholds, acts_alone, approvers, round } = rules;
  need(isId(kind), 'kind must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -');
  need(MODES.includes(rules.mode), `mode must be one of ${MODES.join(', ')}`);
  if (rules.mode === 'human_on_the_loop')
    need(isWait(rules.veto_seconds), `veto_seconds must be 1 to ${MAX_WAIT_SECONDS}`);
  else need(rules.veto_seconds === undefined, 'veto_seconds belongs to the mode human_on_the_loop: leave it out');
  for (const name of ['confidence', 'consensus', 'novelty'] as const)
    need(isShare(thresholds[name]), `thresholds.${name} must be 0 to 1`);
  need(IMPACTS.includes(thresholds.impact), `thresholds.impact must be one of ${IMPACTS.join(', ')}`);
  need(
    acts_alone === undefined || (isShare(acts_alone.confidence) && isShare(acts_alone.risk)),
    'acts_alone must have a confidence and a risk of 0 to 1',
  );
  need(
    SAFE_DEFAULTS.includes(rules.safe_default),
    `safe_default must be one of ${SAFE_DEFAULTS.join(', ')}: silence never takes an action`,
  );
  need(
    rules.holds_awards === undefined || kind === CHALLENGE_KIND,
    `holds_awards belongs to the kind ${CHALLENGE_KIND}: leave it out`,
  );
  problems.push(...ladderProblems(approvers));
  if (round !== undefined) {
    need(ROUND_WHEN.includes(round.when), `round.when must be ${ROUND_WHEN.join(' or ')}`);
    need(isWait(round.round_seconds), `round.round_seconds must be 1 to ${MAX_WAIT_SECONDS}`);
    need(
      Number.isInteger(round.improvement_rounds) && round.improvement_rounds >= 0 && round.improvement_rounds <= 5,
      'round.improvement_rounds must be 0 to 5',
    );
    problems.push(...electorateProblems(round).map((problem) => `round: ${problem}`));
  }
  need(
    Buffer.byteLength(JSON.stringify(rules)) <= MAX_RULES_BYTES,
    `the rules of a kind must be at most ${MAX_RULES_BYTES} bytes`,
  );
  return problems;
}

/** What is wrong with a ladder of approvers. */
export function ladderProblems(ladder: readonly ApproverGroup[]): string[] {
  const problems: string[] = [];
  const names = ladder.map(({ group }) => group);
  if (ladder.length < 1 || ladder.length > MAX_APPROVER_GROUPS || new Set(names).size < names.length)
    problems.push(`approvers must be 1 to ${MAX_APPROVER_GROUPS} groups, each once`);
  for (const { group, members, deputies = [], seconds } of ladder) {
    if (!isId(group)) problems.push('the name of a group must be an id');
    if (!isPeople(members) || !isPeople(deputies))
      problems.push(`members and deputies of ${group} must be at most ${MAX_MEMBERS} ids, each once`);
    if (!isWait(seconds)) problems.push(`seconds of ${group} must be 1 to ${MAX_WAIT_SECONDS}`);
  }
  return problems;
}

function isShare(value: number): boolean {
  return value >= 0 && value <= 1;
}

function isWait(seconds: number | undefined): boolean {
  return seconds !== undefined && seconds >= 1 && seconds <= MAX_WAIT_SECONDS;
}

function isPeople(ids: readonly string[]): boolean {
  return ids.length <= MAX_MEMBERS && ids.every(isId) && new Set(ids).size === ids.length;
}

// -------------------------------------------------------------------------------------------------------- novelty

/** What an action is measured by: amounts, names, places. */
export type Features = Readonly<Record<string, string | number>>;

/** An action of the same kind that was taken before. */
export interface Seen {
  /** Its stream. */
  readonly ref: string;
  readonly features: Features;
}

export interface Novelty {
  /** 0: seen exactly so before; 1: like nothing before. Rounded to nine decimals. */
  readonly distance: number;
  /** `ref` of the one that it resembles most; of equals the latest. */
  readonly nearest?: string;
  /** False when the history holds nothing of the kind. */
  readonly known: boolean;
}

/** How far back novelty looks, in actions of the kind. */
export const MAX_SEEN = 200;
export const MAX_FEATURES = 50;
/** Longest name of a feature and longest text, in characters; largest number, up or down. */
export const MAX_FEATURE_NAME = 64;
export const MAX_FEATURE_TEXT = 256;
export const MAX_FEATURE_NUMBER = 1e15;

/** What is wrong with features, in a sentence; undefined when nothing is. */
export function featuresProblem(features: Features): string | undefined {
  const entries = Object.entries(features);
  const sound = entries.every(
    ([name, value]) =>
      isText(name, MAX_FEATURE_NAME) &&
      (typeof value === 'number' ? Math.abs(value) <= MAX_FEATURE_NUMBER : value.length <= MAX_FEATURE_TEXT),
  );
  return entries.length <= MAX_FEATURES && sound
    ? undefined
    : `features must be at most ${MAX_FEATURES} numbers (to 1e15) and texts (to ${MAX_FEATURE_TEXT} characters) under names of 1 to ${MAX_FEATURE_NAME} characters`;
}

/**
 * The distance to the nearest of the last 200 actions of the kind, by Gower's coefficient (J. C. Gower, 1971):
 *
 *   distance = Σ δ(feature) / number of features that either of the two has
 *
 * δ of two numbers is |a − b| / (largest − smallest value seen, this one included), of two texts 0 if they are equal,
 * else 1; of a feature that only one of them has, or that is a number here and a text there, 1. Nothing seen: 1.
 * @param history of this tenant and kind, the latest last
 */
export function noveltyOf(features: Features, history: readonly Seen[]): Novelty {
  const seen = history.slice(-MAX_SEEN);
  const ranges = rangesOf([features, ...seen.map((one) => one.features)]);
  let distance = Infinity;
  let nearest: string | undefined;
  for (const { ref, features: other } of seen) {
    const apart = gower(features, other, ranges);
    if (apart <= distance) [distance, nearest] = [apart, ref];
  }
  return nearest === undefined ? { distance: 1, known: false } : { distance, nearest, known: true };
}

function rangesOf(all: readonly Features[]): Map<string, { low: number; high: number }> {
  const ranges = new Map<string, { low: number; high: number }>();
  for (const [name, value] of all.flatMap((features) => Object.entries(features))) {
    if (typeof value !== 'number') continue;
    const { low, high } = ranges.get(name) ?? { low: value, high: value };
    ranges.set(name, { low: Math.min(low, value), high: Math.max(high, value) });
  }
  return ranges;
}

function gower(one: Features, other: Features, ranges: ReadonlyMap<string, { low: number; high: number }>): number {
  // Sorted, so that the sum is the same whatever order the features came in.
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  let sum = 0;
  for (const name of names) {
    const [a, b] = [own(one, name), own(other, name)];
    if (a === b) continue;
    const { low, high } = ranges.get(name) ?? { low: 0, high: 0 };
    sum += typeof a === 'number' && typeof b === 'number' ? Math.abs(a - b) / (high - low) : 1;
  }
  return names.length === 0 ? 0 : Math.round((sum / names.length) * 1e9) / 1e9;
}

// ------------------------------------------------------------------------------------------------------ the answer

export interface OversightInput {
  readonly kind: string;
  /** Of the agent that proposes it, 0 to 1. */
  readonly confidence: number;
  readonly impact: Impact;
  /** 0 to 1. */
  readonly risk: number;
  readonly policy: { readonly decision: PolicyReceipt['decision']; readonly reasons: readonly string[] };
  /** Once the agents' round was held, 0 to 1. */
  readonly consensus_score?: number;
  readonly novelty: Novelty;
}

/** Stable names of why a person is asked. */
export const REASON_CODES = [
  'low-confidence',
  'high-impact',
  'policy',
  'low-consensus',
  'novel',
  'not-sure-enough-alone',
  'too-risky-alone',
  'mode',
] as const;
export type ReasonCode = (typeof REASON_CODES)[number];

/** Why a person is asked. */
export interface OversightReason {
  readonly code: ReasonCode;
  readonly text: string;
  readonly value: string | number;
  readonly limit: string | number;
}

/** How an action goes on: at once, after a veto window, after the agents' vote, or after people's approval. */
export const OVERSIGHT_PATHS = ['act', 'veto_window', 'round', 'approval'] as const;
export type OversightPath = (typeof OVERSIGHT_PATHS)[number];

export interface OversightAnswer {
  readonly path: OversightPath;
  /** Empty unless a person is asked; with path `round`: why one will be asked after it. */
  readonly reasons: readonly OversightReason[];
  readonly mode: Mode;
  /** SHA-256 over the RFC 8785 form of the rules. */
  readonly rules_hash: string;
  readonly input: OversightInput;
}

/**
 * Who decides on an action: a person if any of the thresholds is passed, or the mode says so, or self-optimisation is
 * not sure enough to act alone. A round comes before that where the rules want one and none was held: its score is then
 * an input of the second answer. A person in the loop decides in any case, with the agents' round before them.
 */
export function decideOversight(input: OversightInput, rules: OversightRules): OversightAnswer {
  const { confidence, impact, risk, policy, consensus_score, novelty } = input;
  const { thresholds, acts_alone, mode, round } = rules;
  const reasons: OversightReason[] = [];
  // Each condition is what must hold for acting without a person: a number that is none fails it.
  const need = (holds: boolean, code: ReasonCode, text: string, value: string | number, limit: string | number) => {
    if (!holds) reasons.push({ code, text, value, limit });
  };
  need(
    confidence >= thresholds.confidence,
    'low-confidence',
    'the agent is not confident enough',
    confidence,
    thresholds.confidence,
  );
  need(
    IMPACTS.indexOf(impact) < IMPACTS.indexOf(thresholds.impact),
    'high-impact',
    'it changes too much',
    impact,
    thresholds.impact,
  );
  need(policy.decision === 'allow', 'policy', 'policy does not allow it without approval', policy.decision, 'allow');
  need(
    consensus_score === undefined || consensus_score >= thresholds.consensus,
    'low-consensus',
    'the agents do not agree enough',
    consensus_score ?? 0,
    thresholds.consensus,
  );
  need(
    novelty.known && novelty.distance <= thresholds.novelty,
    'novel',
    'nothing like it was done before',
    novelty.distance,
    thresholds.novelty,
  );
  if (acts_alone !== undefined) {
    need(
      confidence > acts_alone.confidence,
      'not-sure-enough-alone',
      'it acts alone only above this confidence',
      confidence,
      acts_alone.confidence,
    );
    need(risk < acts_alone.risk, 'too-risky-alone', 'it acts alone only below this risk', risk, acts_alone.risk);
  }
  need(
    mode !== 'human_approval' && mode !== 'human_in_the_loop',
    'mode',
    'a person decides on each action of this kind',
    mode,
    'full_automation',
  );

  const escalated = reasons.length > 0;
  const rounds = round !== undefined && consensus_score === undefined && (round.when === 'always' || escalated);
  const alone = mode === 'human_on_the_loop' ? 'veto_window' : 'act';
  return {
    path: rounds ? 'round' : escalated ? 'approval' : alone,
    reasons,
    mode,
    rules_hash: rulesHash(rules),
    input,
  };
}

export function rulesHash(rules: OversightRules): string {
  return sha256(canonicalize(rules));
}

// --------------------------------------------------------------------------------------------------------- events

export type OversightEvent = Event<'OversightConfigured', { kind: string; rules: OversightRules }>;

// ---------------------------------------------------------------------------------------------------------- state

/** The one stream of a tenant. */
export const RULES_ID = 'rules';

export interface OversightState {
  readonly kinds: Readonly<Record<string, OversightRules>>;
}

export const oversightDecider: Decider<OversightState, OversightEvent> = {
  category: 'oversight',
  version: 1,
  initial: { kinds: {} },
  evolve: ({ kinds }, { data: { kind, rules } }) => ({ kinds: { ...kinds, [kind]: rules } }),
};

/** One stream a tenant. */
export function oversightStream(tenant: string): string {
  return streamName(tenant, oversightDecider.category, RULES_ID);
}

/** The rules that hold for a kind of action. */
export function rulesFor(state: OversightState, kind: string): OversightRules {
  return own(state.kinds, kind) ?? DEFAULT_RULES;
}

// ------------------------------------------------------------------------------------------------------ decisions

/** Sets the rules of a kind, whole. The same rules again change nothing. */
export function configure(kind: string, rules: OversightRules): Decision<OversightState, OversightEvent> {
  return ({ kinds }) => {
    const problems = [
      ...rulesProblems(kind, rules),
      ...(rules.round === undefined ? [] : doubledVoters(rules.round).map((problem) => `round: ${problem}`)),
    ];
    if (problems.length > 0) return new Rejection('invalid', 'rules-invalid', problems.join('; '), { problems });
    const current = own(kinds, kind);
    if (current === undefined && Object.keys(kinds).length >= MAX_KINDS) {
      return new Rejection(
        'conflict',
        'kinds-full',
        `${MAX_KINDS} kinds of action have rules already: change those of one of them`,
      );
    }
    return current !== undefined && rulesHash(current) === rulesHash(rules)
      ? []
      : [{ type: 'OversightConfigured', v: 1, data: { kind, rules } }];
  };
}
