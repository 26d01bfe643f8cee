/**
 * What somebody asked for in words, and the commands that it was read as. It stands before any of them runs; what came
 * of each says its own receipt.
 */
import { canonicalize } from '../kernel/commit';
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { streamsOf } from '../kernel/ids';
import { isText, textRule } from '../kernel/text';
import { MAX_STEPS, MAX_WORDS } from './plan';

/** Longest command of a plan, in characters. */
export const MAX_COMMAND = 10_000;
/** Longest name of a model, in characters. */
export const MAX_MODEL = 200;
/** What became of the words: commands that run, commands that were not wanted after all, a question, or a refusal. */
export const ASK_OUTCOMES = ['run', 'declined', 'question', 'refused'] as const;

// --------------------------------------------------------------------------------------------------------- events

/** A command as it could be typed, and the operation of the contract that it calls. */
export interface AskedStep {
  readonly operation: string;
  readonly command: string;
  readonly risk: number;
}

export interface Ask {
  readonly words: string;
  /** Who read them: the grammar, where no model is named. */
  readonly model?: string;
  readonly outcome: (typeof ASK_OUTCOMES)[number];
  readonly steps: readonly AskedStep[];
  readonly by: string;
  readonly via?: string;
}

export type AskEvent = Event<'WordsRead', Ask>;

// ---------------------------------------------------------------------------------------------------------- state

export interface AskState {
  readonly ask: Ask | undefined;
}

export const askDecider: Decider<AskState, AskEvent> = {
  category: 'ask',
  version: 1,
  initial: { ask: undefined },
  evolve: (_, event) => ({ ask: event.data }),
};

export const askStream = streamsOf(askDecider);

// ------------------------------------------------------------------------------------------------------ decisions

/** Notes what was asked. The same again changes nothing; another one is a stream of its own. */
export function note(ask: Ask): Decision<AskState, AskEvent> {
  return (state) => {
    if (state.ask !== undefined)
      return canonicalize(state.ask) === canonicalize(ask)
        ? []
        : refuse('ask-exists', 'something else was asked with this id: use another id');
    const { words, steps } = ask;
    if (!isText(words, MAX_WORDS)) return new Rejection('invalid', 'ask-invalid', textRule('words', MAX_WORDS));
    if (steps.length > MAX_STEPS || !steps.every(({ command }) => isText(command, MAX_COMMAND)))
      return new Rejection(
        'invalid',
        'ask-invalid',
        `steps must be ${MAX_STEPS} at most, each with a command of 1 to ${MAX_COMMAND} characters`,
      );
    return [{ type: 'WordsRead', v: 1, data: ask }];
  };
}
