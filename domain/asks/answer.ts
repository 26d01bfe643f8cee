/** What a rule of the grammar answers for one clause. */
import type { OperationId } from './operations';
import type { Refused } from './plan';
import type { Values } from './steps';

export interface Drafts {
  readonly drafts: readonly (readonly [operation: OperationId, values: Values])[];
  readonly notes?: readonly string[];
  readonly next?: readonly string[];
}

export interface Question {
  readonly question: string;
  readonly suggestions: readonly string[];
}

export type Answer = Drafts | Question | Refused;

export function draft(operation: OperationId, values: Values = {}, more: Omit<Drafts, 'drafts'> = {}): Drafts {
  return { drafts: [[operation, values]], ...more };
}

export function drafts(...all: readonly (readonly [operation: OperationId, values?: Values])[]): Drafts {
  return { drafts: all.map(([operation, values = {}]) => [operation, values]) };
}

export function question(text: string, ...suggestions: readonly string[]): Question {
  return { question: text, suggestions };
}

export function refused(reason: string, ...suggestions: readonly string[]): Refused {
  return { outcome: 'refused', reason, suggestions };
}
