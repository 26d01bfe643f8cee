/**
 * What becomes of a phrase: commands that could be typed, or why there are none.
 *
 * Whoever reads the phrase, the grammar or a model, answers a plan and nothing else; it is checked operation by
 * operation, and whoever runs it knows no other way than the commands.
 */
import { typed } from '../kernel/text';

/** How many commands a plan may have. */
export const MAX_STEPS = 20;
/** Longest phrase, in UTF-16 code units. */
export const MAX_WORDS = 1_000;

/** One call of an operation of the contract, as its command. */
export interface Step {
  /** As the contract calls it. */
  readonly operation: string;
  /** What is sent, but for what the command itself looks up (`looksUp` of the operation). */
  readonly request: Request;
  /** Values that the command keeps to itself, such as how many rows of a list it shows. */
  readonly own?: Readonly<Record<string, unknown>>;
  /** 0 (reads) to 1. */
  readonly risk: number;
  /** What it does, in a few words. */
  readonly does: string;
  /** The command behind the program's name, an argument each. */
  readonly argv: readonly string[];
}

/** Values by the names that they have in the path, the query and the body. */
export interface Request {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: Readonly<Record<string, unknown>>;
}

/** A word that was taken for another one. */
export interface Correction {
  readonly from: string;
  readonly to: string;
}

export interface Planned {
  readonly outcome: 'planned';
  /** The model that has read the words; the grammar without. It may have misread them, so changes ask first. */
  readonly model?: string;
  readonly steps: readonly Step[];
  /** Words that were read as others: what changes something then asks first. */
  readonly corrections: readonly Correction[];
  /** What is said of the plan: how its words were read, what was left out. */
  readonly notes: readonly string[];
  /** Phrases that go on from here. */
  readonly next: readonly string[];
}

export type Plan =
  | Planned
  | Refused
  | {
      /** Something is missing, or could mean several things. */
      readonly outcome: 'question';
      readonly question: string;
      /** Phrases to say instead. */
      readonly suggestions: readonly string[];
    };

export interface Refused {
  readonly outcome: 'refused';
  readonly reason: string;
  readonly suggestions: readonly string[];
  /** What whoever means it types instead. */
  readonly command?: string;
  /** The words may hold a secret: they are kept nowhere. */
  readonly secret?: true;
}

/** The command of a step as it could be typed, behind the program's name. */
export function commandOf({ argv }: Step): string {
  return typed(argv);
}

/** The greatest risk of the commands of a plan. */
export function riskOf(steps: readonly Pick<Step, 'risk'>[]): number {
  return Math.max(0, ...steps.map(({ risk }) => risk));
}
