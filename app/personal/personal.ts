/**
 * Personal data: sealed before anything behind the edge sees it, opened for whoever may read it, and for nobody once
 * its subject was erased.
 */
import { randomUUID } from 'node:crypto';
import { Rejection } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import { jsonPointer } from '../../domain/kernel/json';
import type { Principal } from '../../domain/kernel/principal';
import { isWiped, openValue, sealValue, type SubjectKey } from '../../domain/kernel/sealing';
import { taskDecider } from '../../domain/market/task';
import {
  mapMarks,
  type Marked,
  marked,
  masked,
  MAX_MARKS,
  MAX_SUBJECTS,
  readMarked,
  readSealed,
  type Sealed,
} from '../../domain/personal/mark';
import {
  erase,
  erasedAlready,
  noteRead,
  type ReadOf,
  type SubjectEvent,
  type SubjectState,
} from '../../domain/personal/subject';
import type { Erasure } from '../../projections/personal/erasures';
import type { Aggregate, Page } from '../engine/aggregate';
import type { Outcome, RequestContext } from '../engine/command';
import type { Report } from '../engine/ports';
import type { Loaded, Streams } from '../engine/streams';
import type { TenantOutcome, Tenants } from '../tenants/module';
import type { KeyRing } from './key-ring';

export type SubjectOutcome = Outcome<SubjectState, SubjectEvent>;

/** Where a marked value can't be taken, and why. */
export interface MarkFault {
  /** JSON Pointer as a URI fragment. */
  readonly pointer: string;
  readonly message: string;
}

/** What a request brings that may hold marks. */
export interface Sending {
  readonly principal: Pick<Principal, 'tenant' | 'id'>;
  /** Name of the route. */
  readonly operation: string;
  readonly idempotencyKey: string | undefined;
}

/** The refusal where no key is there that wraps those of subjects. */
const UNAVAILABLE = new Rejection(
  'unavailable',
  'personal-unavailable',
  'this host has no key for personal data that it may use: FORMICARY_PERSONAL_KEY or FORMICARY_VAULT__personalKey gives it one; nothing was stored',
);

export interface PersonalDeps {
  readonly tenants: Pick<Tenants, 'end' | 'isErased'>;
  readonly subjects: Aggregate<SubjectState, SubjectEvent, Erasure>;
  /** Undefined where the host has no key to wrap them with. */
  readonly ring: KeyRing | undefined;
  readonly streams: Pick<Streams, 'current'>;
  readonly report: Report;
}

export class Personal {
  constructor(private readonly deps: PersonalDeps) {}

  /**
   * The value with all that is marked in it sealed, under the key of its subject, which is made when there is none.
   * Answers the faults of marks that have not the form of one, or a refusal.
   */
  async seal(
    value: unknown,
    { principal: { tenant, id }, operation, idempotencyKey }: Sending,
  ): Promise<{ readonly value: unknown } | { readonly faults: readonly MarkFault[] } | Rejection> {
    const found = new Map<object, Marked>();
    const faults: MarkFault[] = [];
    mapMarks(value, (holder, path) => {
      const read = readMarked(holder);
      if (typeof read === 'string') faults.push({ pointer: jsonPointer(path), message: read });
      else found.set(holder, read);
      return holder;
    });
    if (faults.length > 0) return { faults };
    if (found.size === 0) return { value };
    const subjects = new Set([...found.values()].map(({ subject }) => subject));
    if (found.size > MAX_MARKS || subjects.size > MAX_SUBJECTS)
      return {
        faults: [
          {
            pointer: '#',
            message: `marks more than ${MAX_MARKS} values, or values of more than ${MAX_SUBJECTS} people`,
          },
        ],
      };
    const { ring } = this.deps;
    if (ring === undefined) return UNAVAILABLE;
    const keys = new Map<string, SubjectKey>();
    for (const subject of subjects) {
      const key = await ring.of(tenant, subject, true);
      if (key === 'erased') return erasedAlready(subject);
      if (key === undefined) return UNAVAILABLE;
      keys.set(subject, key);
    }
    // Whoever was erased while the keys of the others were found; from here on nobody else has a turn.
    for (const [subject, key] of keys) if (isWiped(key)) return erasedAlready(subject);
    const request = JSON.stringify([id, operation, idempotencyKey ?? { drawn: randomUUID() }]);
    const sealed = mapMarks(value, (holder, path) => {
      const { subject, value: plain } = found.get(holder) as Marked;
      const place = `${operation}${jsonPointer(path)}`;
      const key = keys.get(subject) as SubjectKey;
      return marked({ subject, place, sealed: sealValue(key, { tenant, subject, place }, plain, request) });
    });
    return { value: sealed };
  }

  /** The value with all that is sealed in it as others see it: about whom it is, and nothing else. */
  async mask(tenant: string, value: unknown): Promise<unknown> {
    const subjects = subjectsOf(sealedIn(value));
    const { ring } = this.deps;
    const gone = await Promise.all(subjects.map(async (subject) => await ring?.isErased(tenant, subject)));
    return masked(value, new Set(subjects.filter((_, i) => gone[i])));
  }

  /**
   * The value with all that is sealed in it opened, as it was sent; each subject gets a receipt of that before. What is
   * of somebody who was erased stays closed. A refusal, when one of them may not be read: then nothing is.
   *
   * @param of the stream whose data it is; an agent may read what it holds the award of
   */
  async open(
    context: RequestContext,
    of: string,
    value: unknown,
    purpose?: string,
  ): Promise<{ readonly value: unknown } | Rejection> {
    const { ring, subjects: aggregate, tenants, report } = this.deps;
    if (ring === undefined) return UNAVAILABLE;
    // Each read is one, whatever key it comes with.
    const { command: _, expectedVersion: __, ...given } = context;
    const { tenant } = context.principal;
    const found = sealedIn(value);
    const subjects = subjectsOf(found);
    if (subjects.length > MAX_SUBJECTS)
      return new Rejection(
        'invalid',
        'too-large',
        `there is data of more than ${MAX_SUBJECTS} people in it: read less`,
      );
    const award = await this.awardOf(context.principal, of);
    const action = award === undefined ? 'personal.read' : 'personal.use';
    const erased = new Set<string>();
    const opened = new Map<object, Marked>();
    // As the log has it: another process may have erased the tenant a moment ago.
    const allErased = subjects.length > 0 && (await tenants.isErased(tenant));
    for (const subject of subjects) {
      const key = allErased ? 'erased' : await ring.of(tenant, subject, false);
      if (key === 'erased') erased.add(subject);
      if (key === 'erased' || key === undefined) continue;
      const own = [...found].filter(([, sealed]) => sealed.subject === subject);
      const read: ReadOf = { of, values: own.length, award, purpose };
      const asked = { ...given, attributes: { subject, of } };
      const noted = await aggregate.decide(asked, subject, action, noteRead(subject, context.principal, read));
      if (!noted.ok) {
        if (noted.rejection.code !== 'subject-erased') return noted.rejection;
        // Elsewhere, a moment ago: the stream knew.
        erased.add(subject);
        continue;
      }
      if (isWiped(key)) {
        // Here, between the receipt and now.
        erased.add(subject);
        continue;
      }
      for (const [holder, { place, sealed }] of own) {
        const plain = openValue(key, { tenant, subject, place }, sealed);
        if (plain === undefined) report('a value of personal data is not what was sealed', { of, subject, place });
        else opened.set(holder, { subject, value: plain.value });
      }
    }
    // What was opened while the tenant was erased is told to nobody any more.
    if (opened.size > 0 && (await tenants.isErased(tenant))) return { value: masked(value, new Set(subjects)) };
    return { value: masked(value, erased, opened) };
  }

  /** What is known of a subject. */
  load(tenant: string, subject: string): Promise<Loaded<SubjectState>> {
    return this.deps.subjects.load(tenant, subject);
  }

  /** Erases a subject: the receipt first, then the key; both are durable when this resolves. */
  async erase(context: RequestContext, subject: string, reason: string): Promise<SubjectOutcome> {
    const { subjects, ring } = this.deps;
    if (ring === undefined) return { ok: false, rejection: UNAVAILABLE };
    const decision = erase(context.principal, reason);
    const asked = { ...context, attributes: { subject } };
    const outcome = await subjects.decide(asked, subject, 'personal.erase', decision);
    if (outcome.ok) await ring.destroy(context.principal.tenant, subject);
    return outcome;
  }

  /**
   * Erases all subjects of a tenant that was closed, for good: the first of two people agrees, the second does. The
   * receipt first, then the tenant's key; both are durable when this resolves.
   */
  async eraseTenant(context: RequestContext, tenant: string, reason: string): Promise<TenantOutcome> {
    const { tenants, ring } = this.deps;
    if (ring === undefined) return { ok: false, rejection: UNAVAILABLE };
    const outcome = await tenants.end(context, 'erase', tenant, reason);
    if (outcome.ok && outcome.state.erased !== undefined) await ring.destroyAll(tenant);
    return outcome;
  }

  /** A page of those who were erased. */
  erasures(tenant: string, limit: number, continuation?: string): Promise<Page<Erasure>> {
    return this.deps.subjects.list(tenant, {}, limit, continuation);
  }

  /** The award by which an agent works on a task, if it does. */
  private async awardOf({ id, kind }: Principal, of: string): Promise<number | undefined> {
    if (kind !== 'agent' || parseStream(of).category !== taskDecider.category) return undefined;
    const { holder } = (await this.deps.streams.current(taskDecider, of)).state;
    return holder?.agent === id ? holder.award : undefined;
  }
}

/** The sealed values by the objects that hold them. */
function sealedIn(value: unknown): Map<object, Sealed> {
  const found = new Map<object, Sealed>();
  mapMarks(value, (holder) => {
    const sealed = readSealed(holder);
    if (sealed !== undefined) found.set(holder, sealed);
    return holder;
  });
  return found;
}

function subjectsOf(found: ReadonlyMap<object, Sealed>): string[] {
  return [...new Set([...found.values()].map(({ subject }) => subject))];
}
