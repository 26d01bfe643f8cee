/**
 * How whoever answers behaves: a temperament that is set, and tact that the words call for. Each is a share, and each
 * has an effect that is seen.
 */
import { own } from '../kernel/own';
import type { Planned, Step } from './plan';
import { riskOf } from './plan';

/** By default; facts of the sources ("temperament", "tact"). */
export const MANNER = {
  /** How often it says what could come next. */
  proactive: 0.8,
  /** A risk above 1 less this asks first. */
  cautious: 0.6,
  /** How often it says how it has read the words. */
  curious: 0.9,
  /** The share of a hundred rows that a list leaves out. */
  efficient: 0.85,
  /** From a half on it asks for the reason that others will read; below, the words themselves are the reason. */
  collaborative: 0.9,
  /** Above 0.7 it says less, and offers other ways. */
  frustration: 0,
  /** Above 0.8 what is posted is urgent, and two agents come where no number was said; it suggests nothing. */
  urgency: 0,
  /** Above 0.6 it goes step by step, says what each step does, and asks before each that changes something. */
  confusion: 0,
} as const;

export type Trait = keyof typeof MANNER;
export type Manner = Readonly<Record<Trait, number>>;

const ABOVE = { frustration: 0.7, urgency: 0.8, confusion: 0.6 } as const;
const LEAST_ROWS = 5;

/** Reads `cautious=0.9,urgency=1`. Answers what is wrong, in a sentence, where something is. */
export function readManner(text: string): Manner | string {
  const manner: Record<Trait, number> = { ...MANNER };
  for (const part of text.split(',').filter((one) => one.trim() !== '')) {
    const [, name = '', value = ''] = /^\s*([a-z]+)\s*=\s*(\d+(?:\.\d+)?)\s*$/.exec(part) ?? [];
    if (own(MANNER, name) === undefined || !(Number(value) <= 1))
      return `"${part.trim()}" is no manner: give NAME=SHARE, 0 to 1, with one of ${Object.keys(MANNER).join(', ')}`;
    manner[name as Trait] = Number(value);
  }
  return manner;
}

const SIGNS: Readonly<Record<keyof typeof ABOVE, RegExp>> = {
  frustration:
    /\b(?:useless|stupid|ridiculous|wtf|damn|hate|sick of|third time|fed up|annoying|for god'?s sake)\b|!{3,}/i,
  urgency: /\b(?:urgent(?:ly)?|asap|immediately|emergency|at once|right now|hurry|now!)/i,
  confusion:
    /\b(?:confused|do(?:n'?t| not) (?:understand|know|get)|no idea|not sure|lost me|step by step|how do i|what does .{1,40} mean)\b|\?{2,}/i,
};

/** The manner with the tact that the words call for: one sign is enough to pass what its effect takes. */
export function attuned(manner: Manner, words: string): Manner {
  const felt = Object.entries(SIGNS).map(([trait, sign]) => [
    trait,
    Math.max(manner[trait as Trait], sign.test(words) ? 0.9 : 0),
  ]);
  return { ...manner, ...(Object.fromEntries(felt) as object) };
}

/** Whether words tell how somebody feels. */
export function isFeeling(words: string): boolean {
  return Object.values(SIGNS).some((sign) => sign.test(words));
}

/** What words say beside how somebody feels. */
export function besideFeeling(words: string): string {
  return Object.values(SIGNS).reduce((left, sign) => left.replace(sign, ' '), words);
}

/** Whether a trait's tact is called for. */
export function isFelt(manner: Manner, trait: keyof typeof ABOVE): boolean {
  return manner[trait] > ABOVE[trait];
}

/** Whether nothing is explained: who is fed up, or in a hurry, is spared it. */
export function isBrief(manner: Manner): boolean {
  return isFelt(manner, 'frustration') || isFelt(manner, 'urgency');
}

/** The risk above which a command asks before it runs. */
export function asksAbove({ cautious }: Manner): number {
  return Number((1 - cautious).toFixed(9));
}

/** How many rows a list shows where nobody has said. */
export function rowsOf({ efficient }: Manner): number {
  return Math.max(LEAST_ROWS, Math.round(100 * (1 - efficient)));
}

/** Whether these steps are asked about before they run. */
export function asksFirst(manner: Manner, plan: Planned, steps: readonly Step[]): boolean {
  const risk = riskOf(steps);
  if (risk === 0) return false;
  return (
    risk > asksAbove(manner) || plan.corrections.length > 0 || plan.model !== undefined || isFelt(manner, 'confusion')
  );
}

/**
 * Whether what is done with a chance is done this time. The words draw: said again, they draw the same.
 * FNV-1a, 32 bits, and the finalizer of MurmurHash3, without which words that are alike draw alike.
 */
export function draws(manner: Manner, trait: 'proactive' | 'curious', words: string): boolean {
  let hash = 0x811c9dc5;
  for (const character of `${trait} ${words}`)
    hash = Math.imul(hash ^ (character.codePointAt(0) as number), 0x01000193);
  for (const [shift, factor] of [
    [16, 0x85ebca6b],
    [13, 0xc2b2ae35],
  ] as const)
    hash = Math.imul(hash ^ (hash >>> shift), factor);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32 < manner[trait];
}
