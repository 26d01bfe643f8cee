/**
 * A person that data is about, under a pseudonym: who has read it, and that it was erased. The data is where it was
 * sent, sealed; here is none of it, and no key.
 */
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { streamsOf } from '../kernel/ids';
import type { Principal } from '../kernel/principal';
import { isText, textRule } from '../kernel/text';

/** Longest reason and purpose, in characters. */
export const MAX_PERSONAL_REASON = 2_000;
/** How many reads the state remembers: the last ones. Receipts have all of them. */
export const MAX_READS = 100;

// --------------------------------------------------------------------------------------------------------- events

interface ByWhom {
  readonly by: string;
  readonly via?: string;
}

/** What was read, and on what ground. */
export interface ReadOf {
  /** The stream whose data it is. */
  readonly of: string;
  /** How many values of the subject. */
  readonly values: number;
  /** The award under which the reader works on the task. */
  readonly award?: number;
  /** What for, in the reader's words. */
  readonly purpose?: string;
}

export type SubjectEvent =
  Event<'PersonalDataRead', ByWhom & ReadOf> | Event<'SubjectErased', ByWhom & { reason: string }>;

// ---------------------------------------------------------------------------------------------------------- state

export interface PersonalRead extends ByWhom, ReadOf {
  readonly at: string;
}

export interface SubjectState {
  readonly erased?: ByWhom & { readonly reason: string; readonly at: string };
  /** How often it was read. */
  readonly reads: number;
  /** The last times, the latest last. */
  readonly last: readonly PersonalRead[];
}

export const subjectDecider: Decider<SubjectState, SubjectEvent> = {
  category: 'subject',
  version: 1,
  initial: { reads: 0, last: [] },
  evolve(state, { type, data }, { at }) {
    if (type === 'SubjectErased') return { ...state, erased: { ...data, at } };
    return { ...state, reads: state.reads + 1, last: [...state.last, { ...data, at }].slice(-MAX_READS) };
  },
};

export const subjectStream = streamsOf(subjectDecider);

/** As what the key of a whole tenant is kept among those of its subjects: no subject can be called so. */
export const OF_TENANT = '*';

// ------------------------------------------------------------------------------------------------------ decisions

type Who = Pick<Principal, 'id' | 'via'>;

/** What is said to whoever sends, or asks for, data of somebody whose key is gone. */
export function erasedAlready(subject: string): Rejection {
  return refuse('subject-erased', `${subject} was erased: nothing is stored about them any more under that name`, {
    subject,
  });
}

/** Notes that data is read, before it is given. Whoever does not work on it says what for. */
export function noteRead(subject: string, { id: by, via }: Who, read: ReadOf): Decision<SubjectState, SubjectEvent> {
  return ({ erased }) => {
    if (erased !== undefined) return erasedAlready(subject);
    if (read.purpose === undefined && read.award === undefined)
      return new Rejection('invalid', 'purpose-missing', 'say what for: give purpose, it stands on the receipt');
    if (read.purpose !== undefined && !isText(read.purpose, MAX_PERSONAL_REASON))
      return new Rejection('invalid', 'purpose-missing', textRule('purpose', MAX_PERSONAL_REASON));
    return [{ type: 'PersonalDataRead', v: 1, data: { by, via, ...read } }];
  };
}

/** Erases for good; again changes nothing. */
export function erase({ id: by, via }: Who, reason: string): Decision<SubjectState, SubjectEvent> {
  return ({ erased }) => {
    if (!isText(reason, MAX_PERSONAL_REASON))
      return new Rejection('invalid', 'reason-invalid', textRule('reason', MAX_PERSONAL_REASON));
    return erased === undefined ? [{ type: 'SubjectErased', v: 1, data: { by, via, reason } }] : [];
  };
}
