/** What agents and requesters may ask of the market, and what may befall it meanwhile. */
import type { OwnThing } from '../../domain/budgets/budget';
import type { TaskSpec, TaskState } from '../../domain/market/task';
import type { Mishap } from '../support/stage';

export const AGENTS = ['ann', 'bob', 'cid'] as const;
export const TASKS = ['t0', 't1', 't2', 't3', 't4', 't5', 't6', 't7'] as const;

/** A task by name, or the n-th of those for which the command makes sense. */
export type Which = string | number;

/** Whose claim a command comes with: the holder's, that of the award before, or one made up. */
export type Who = 'holder' | 'former' | { readonly agent: string; readonly award: number };

/** When the next step begins: at once, after the answer, or after all that follows from it. */
export type Pace = 'go' | 'wait' | 'settle';

export interface How {
  /** Which of the living processes is asked. */
  readonly on: number;
  readonly pace: Pace;
  /** The command comes twice, under one key: once more on another process, at the same time. */
  readonly twice: boolean;
}

export type Command =
  | {
      readonly do: 'register';
      readonly agent: string;
      readonly caps: readonly string[];
      readonly helps: readonly string[];
      readonly capacity: number;
      readonly offer: boolean;
    }
  | { readonly do: 'deregister'; readonly agent: string }
  | {
      readonly do: 'post';
      readonly task: string;
      readonly requires: readonly string[];
      readonly changes: Partial<TaskSpec>;
      readonly deadline?: number;
    }
  | { readonly do: 'bid' | 'withdraw'; readonly task: Which; readonly agent: string }
  | {
      readonly do: 'accept' | 'decline' | 'progress' | 'complete' | 'complete-at-once' | 'fail' | 'give-up' | 'release';
      readonly task: Which;
      readonly who: Who;
      /** What it has cost, where that is said: what was reserved at most, while the work goes on. */
      readonly cost?: number;
    }
  | { readonly do: 'hand-off'; readonly task: Which; readonly who: Who; readonly agent: string }
  | { readonly do: 'cancel' | 'redrive'; readonly task: Which }
  | { readonly do: 'budget'; readonly whose: OwnThing; readonly limit: number };

export type Step =
  | (Command & How)
  /** Time passes; agents that are not mute give signs of life. */
  | { readonly do: 'pass'; readonly seconds: number }
  | { readonly do: 'mute' | 'unmute'; readonly agent: string }
  /** All that was awarded is accepted, all that runs is completed. */
  | { readonly do: 'work' }
  | { readonly do: 'settle' | 'restart' | 'redeliver' }
  | { readonly do: 'crash'; readonly on: number }
  /** Old pages of the feed come again, streams shuffled. */
  | { readonly do: 'again'; readonly from: number; readonly count: number; readonly seed: number; readonly on: number }
  /** The next calls of a port go wrong. */
  | { readonly do: 'mishap'; readonly call: string; readonly what: Exclude<Mishap, undefined>; readonly times: number };

/** The states in which a command makes sense. */
export const WANTS: Partial<Record<Command['do'], readonly TaskState['status'][]>> = {
  bid: ['open'],
  withdraw: ['open'],
  accept: ['awarded'],
  decline: ['awarded'],
  progress: ['running'],
  complete: ['running'],
  'complete-at-once': ['awarded'],
  fail: ['running'],
  'give-up': ['running'],
  release: ['awarded', 'running'],
  'hand-off': ['running'],
  cancel: ['open', 'awarded', 'running'],
  redrive: ['dead', 'expired'],
};
