/**
 * A correction: what was done or said, what it should have been, and why; in a person's words. Learning reads them.
 * A correction never changes what it corrects.
 */
import { canonicalize } from '../kernel/commit';
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { MAX_REFERENCE, parseCommitRef } from '../kernel/ids';
import { isText, textRule } from '../kernel/text';

/** Longest text of a correction, in characters. */
export const MAX_CORRECTION = 8_000;

// --------------------------------------------------------------------------------------------------------- events

export interface Correction {
  /** The receipt that is corrected: `stream@index`. */
  readonly target: string;
  /** What it should have been. */
  readonly what: string;
  readonly instead_of: string;
  readonly why: string;
  readonly by: string;
}

export type CorrectionEvent = Event<'CorrectionGiven', Correction>;

// ---------------------------------------------------------------------------------------------------------- state

export interface CorrectionState {
  readonly correction: Correction | undefined;
}

export const correctionDecider: Decider<CorrectionState, CorrectionEvent> = {
  category: 'correction',
  version: 1,
  initial: { correction: undefined },
  evolve: (_, event) => ({ correction: event.data }),
};

// ------------------------------------------------------------------------------------------------------ decisions

/** Gives a correction. The same again changes nothing; another one is a stream of its own. */
export function correct(correction: Correction): Decision<CorrectionState, CorrectionEvent> {
  return (state) => {
    if (state.correction !== undefined) {
      return canonicalize(state.correction) === canonicalize(correction)
        ? []
        : refuse('correction-exists', 'another correction was given with this id: use another id');
    }
    const { target, what, instead_of, why } = correction;
    if (target.length > MAX_REFERENCE || parseCommitRef(target) === undefined)
      return new Rejection('invalid', 'target-invalid', 'target must be a receipt: stream@index');
    for (const [name, text] of Object.entries({ what, instead_of, why })) {
      if (!isText(text, MAX_CORRECTION))
        return new Rejection('invalid', 'correction-invalid', textRule(name, MAX_CORRECTION));
    }
    return [{ type: 'CorrectionGiven', v: 1, data: correction }];
  };
}
