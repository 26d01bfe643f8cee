/** Personal data: `formicary.personal`. */
import type { Erasure as ErasureSchema, personal, SubjectRecord as SubjectSchema } from '../contract/personal/personal';
import type { AnswerOf, Shown } from '../contract/route';
import { type CommandOptions, PAGE, type ReadOptions, type Session } from './session';

export type Subject = Shown<typeof SubjectSchema>;
export type Erasure = Shown<typeof ErasureSchema>;

/** A value that is about a person, as it is sent: it is stored sealed, under a key of that person's. */
export function personalValue<T>(subject: string, value: T): { readonly $personal: { subject: string; value: T } } {
  return { $personal: { subject, value } };
}

/** `/v1/subjects`, `/v1/erasures`: people that data is about. */
export class PersonalApi {
  constructor(private readonly session: Session) {}

  /** Who has read the data of a person, and whether it was erased. */
  subject(subject: string, options?: ReadOptions): Promise<Subject> {
    return this.session.call<typeof personal.subject>('GET /v1/subjects/{subject}', { params: { subject } }, options);
  }

  /** Erases a person: nobody can open their data any more. */
  erase(subject: string, reason: string, options?: CommandOptions): Promise<AnswerOf<typeof personal.erase>> {
    const request = { params: { subject }, body: { reason } };
    return this.session.call<typeof personal.erase>('POST /v1/subjects/{subject}/erase', request, options);
  }

  /** Everybody who was erased. */
  erasures(options?: ReadOptions): AsyncGenerator<Erasure, void, undefined> {
    return this.session.items<typeof personal.erasures>('GET /v1/erasures', { query: { limit: PAGE } }, options);
  }
}
