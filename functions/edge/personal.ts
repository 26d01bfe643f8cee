/**
 * Personal data on its way in and out: what is marked is sealed before anything else sees it, and what is sealed is
 * masked, or opened for whoever asks for it and may read it.
 */
import { holdsMark, mayHoldMark, type Personal, type Sending } from '../../app/personal/module';
import { Rejection } from '../../domain/kernel/decider';
import { streamName } from '../../domain/kernel/ids';
import { contextOf } from './context';
import { Problem, rejected } from './problem';
import type { Answer, BoundRoute, Call } from './route';

/** The use cases, from when the colony is open. */
export type OfPersonal = () => Promise<Pick<Personal, 'seal' | 'mask' | 'open'>>;

const JSON_TYPE = /^application\/json\b/;

/**
 * A body with what is marked in it sealed. Throws a Problem where a mark has not its form, or its subject was erased.
 * What holds no mark costs a look at its text.
 *
 * @param text of the body; whatever is not ASCII in it may be read wrongly
 */
export async function sealedBody(
  body: unknown,
  text: string,
  sending: Sending,
  personal: OfPersonal | undefined,
): Promise<unknown> {
  if (!mayHoldMark(text)) return body;
  const sealed = await (await required(personal)()).seal(body, sending);
  if (sealed instanceof Rejection) throw rejected(sealed);
  if ('faults' in sealed) throw Problem.invalid('What is marked as personal has not the form of that.', sealed.faults);
  return sealed.value;
}

/** An answer as its caller may see it; throws a Problem when it asks for what it may not read. */
export async function shown(
  definition: BoundRoute,
  call: Call<never, never, never>,
  answer: Answer,
  personal: OfPersonal | undefined,
): Promise<Answer> {
  const { body, contentType } = answer;
  if (body === undefined || definition.personal === 'stored') return answer;
  if (contentType !== undefined && !(JSON_TYPE.test(contentType) && body instanceof Uint8Array)) return answer;
  // A view: what is large is not copied to be looked at.
  const text =
    body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : JSON.stringify(body);
  if (!holdsMark(text)) return body instanceof Uint8Array ? answer : { ...answer, text: text as string };
  const use = await required(personal)();
  const value = JSON.parse(text.toString()) as unknown;
  const seen = await seenBy(use, definition, call, value);
  return body instanceof Uint8Array ? { ...answer, body: JSON.stringify(seen) } : { ...answer, body: seen };
}

/** What a query has where a route may open personal data. */
interface Opening {
  readonly personal?: 'open';
  readonly purpose?: string;
}

async function seenBy(
  use: Pick<Personal, 'mask' | 'open'>,
  { personal: whose }: BoundRoute,
  call: Call<never, never, never>,
  value: unknown,
): Promise<unknown> {
  const { personal, purpose } = call.query as Opening;
  const { tenant } = call.principal;
  if (personal !== 'open' || typeof whose !== 'object') return await use.mask(tenant, value);
  const id = (call.params as Readonly<Record<string, string>>)[whose.named] as string;
  const opened = await use.open(contextOf(call), streamName(tenant, whose.of, id), value, purpose);
  if (opened instanceof Rejection) throw rejected(opened);
  return opened.value;
}

function required(personal: OfPersonal | undefined): OfPersonal {
  if (personal === undefined) throw new Error('personal data came, and there is nobody who seals and opens it');
  return personal;
}
