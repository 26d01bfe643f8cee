/**
 * The keys of subjects that this process has used lately. Each takes two that are kept: the subject's own, and that of
 * its tenant, without which all of the tenant's are erased by one act.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { parseStream } from '../../domain/kernel/ids';
import { Recent } from '../../domain/kernel/recent';
import { KEY_BYTES, type SubjectKey, subjectKeyOf, wipe } from '../../domain/kernel/sealing';
import {
  OF_TENANT,
  subjectDecider,
  type SubjectEvent,
  type SubjectState,
  subjectStream,
} from '../../domain/personal/subject';
import { tenantDecider, type TenantState } from '../../domain/tenants/tenant';
import type { Aggregate } from '../engine/aggregate';
import type { Engine } from '../engine/engine';
import { type Report, StoreBusy } from '../engine/ports';
import type { KeyWrap, SubjectKeys } from '../engine/ports-personal';
import { messageOf } from '../engine/reachable';
import type { TenantBook } from '../tenants/module';

/** How many are kept unwrapped. */
const MOST = 10_000;
/** And so many of tenants. */
const MOST_TENANTS = 1_000;

type Kept = SubjectKey | 'erased';

/** What is kept, wrapped, and the key itself where it was made just now; nothing where none could be wrapped. */
interface Made {
  readonly wrapped?: Uint8Array | 'erased';
  readonly own?: Uint8Array;
}

export class KeyRing {
  private readonly report: Report;
  private readonly tenants: Pick<TenantBook, 'isErased'>;
  private readonly known = new Recent<string, Kept>(MOST);
  /** Of whom it is known that they were not erased, though their key was not needed. */
  private readonly alive = new Recent<string, true>(MOST);
  private readonly finding = new Map<string, Promise<Kept | undefined>>();
  private readonly ofTenants = new Recent<string, Promise<Uint8Array | 'erased' | undefined>>(MOST_TENANTS);

  constructor(
    private readonly subjects: Pick<Aggregate<SubjectState, SubjectEvent>, 'current'>,
    private readonly keys: SubjectKeys,
    private readonly wrap: KeyWrap,
    { transactor, report, tenantBook }: Pick<Engine, 'transactor' | 'report'> & { readonly tenantBook: TenantBook },
  ) {
    this.report = report;
    this.tenants = tenantBook;
    // Also of what another process has erased.
    transactor.onCommitted(({ category, stream, state }) => {
      if (category === subjectDecider.category && (state as SubjectState).erased !== undefined) this.forget(stream);
      if (category === tenantDecider.category && (state as TenantState).erased !== undefined)
        this.forgetAll(parseStream(stream).id);
    });
  }

  /**
   * The key; `erased` when the subject was; undefined when there is none, or none that can be unwrapped. Made, where it
   * is asked for to seal.
   */
  async of(tenant: string, subject: string, toSeal: boolean): Promise<Kept | undefined> {
    if (await this.tenants.isErased(tenant)) return 'erased';
    const stream = subjectStream(tenant, subject);
    const known = this.known.get(stream);
    if (known !== undefined) return known;
    const asked = `${stream} ${toSeal}`;
    let finding = this.finding.get(asked);
    if (finding === undefined) {
      finding = this.find(tenant, subject, toSeal).finally(() => this.finding.delete(asked));
      this.finding.set(asked, finding);
    }
    const found = await finding;
    // It, or its tenant, may have been erased meanwhile.
    const isOver = this.tenants.isErased(tenant);
    if (isOver instanceof Promise ? await isOver : isOver) this.forget(stream, found);
    else if (found !== undefined && this.known.get(stream) !== 'erased') this.known.set(stream, found);
    return this.known.get(stream);
  }

  /** Whether nothing of the subject opens any more. What wraps is not asked: it may be away, and each use costs. */
  async isErased(tenant: string, subject: string): Promise<boolean> {
    if (await this.tenants.isErased(tenant)) return true;
    const stream = subjectStream(tenant, subject);
    const known = this.known.get(stream);
    if (known !== undefined) return known === 'erased';
    if (this.alive.get(stream) !== undefined) return false;
    const isErased = (await this.isLogged(tenant, subject)) || (await this.isDestroyed(tenant, subject));
    if (isErased) this.known.set(stream, 'erased');
    // It may have been erased meanwhile.
    if (this.known.get(stream) === 'erased') return true;
    this.alive.set(stream, true);
    return false;
  }

  /** Destroys the key, here and where it is kept. */
  async destroy(tenant: string, subject: string): Promise<void> {
    this.forget(subjectStream(tenant, subject));
    await this.keys.destroy(tenant, subject);
  }

  /** Destroys the key without which none of the tenant's subjects opens, here and where it is kept. */
  async destroyAll(tenant: string): Promise<void> {
    this.forgetAll(tenant);
    await this.keys.destroy(tenant, OF_TENANT);
  }

  /** Nothing of the tenant's stays in memory, whoever has it in hand. */
  private forgetAll(tenant: string): void {
    const known = this.ofTenants.get(tenant);
    this.ofTenants.set(tenant, Promise.resolve('erased'));
    known?.then(
      (key) => key instanceof Uint8Array && key.fill(0),
      () => undefined,
    );
    const streams = [...this.known.keys()].filter((stream) => parseStream(stream).tenant === tenant);
    for (const stream of streams) this.forget(stream);
  }

  private forget(stream: string, known = this.known.get(stream)): void {
    if (known !== undefined && known !== 'erased') wipe(known);
    this.known.set(stream, 'erased');
    this.alive.delete(stream);
  }

  /** The log knows who was erased also where an older copy of the keys was put back. */
  private async isLogged(tenant: string, subject: string): Promise<boolean> {
    return (await this.subjects.current(tenant, subject)).state.erased !== undefined;
  }

  /** The subject's own key, or its tenant's. */
  private async isDestroyed(tenant: string, subject: string): Promise<boolean> {
    const kept = await Promise.all([subject, OF_TENANT].map((name) => this.keys.find(tenant, name)));
    return kept.includes('erased');
  }

  /** The key of a tenant; made where it is asked for to seal. */
  private ofTenant(tenant: string, toSeal: boolean): Promise<Uint8Array | 'erased' | undefined> {
    const known = this.ofTenants.get(tenant);
    if (known !== undefined) return known;
    const finding = this.findOfTenant(tenant, toSeal);
    this.ofTenants.set(tenant, finding);
    // What is not there yet, or could not be read, is looked for again.
    const again = () => this.ofTenants.peek(tenant) === finding && this.ofTenants.delete(tenant);
    finding.then((found) => found === undefined && again(), again);
    return finding;
  }

  private async findOfTenant(tenant: string, toSeal: boolean): Promise<Uint8Array | 'erased' | undefined> {
    const place = subjectStream(tenant, OF_TENANT);
    const known = await this.keys.find(tenant, OF_TENANT);
    const { wrapped, own }: Made =
      known === undefined && toSeal ? await this.make(tenant, OF_TENANT, place) : { wrapped: known };
    if (wrapped === undefined || wrapped === 'erased') return wrapped;
    if (own !== undefined) return own;
    return await this.wrap.unwrap(place, wrapped).catch((error: unknown) => this.lost(place, error));
  }

  private async find(tenant: string, subject: string, toSeal: boolean): Promise<Kept | undefined> {
    if (await this.isLogged(tenant, subject)) return 'erased';
    const place = subjectStream(tenant, subject);
    const known = await this.keys.find(tenant, subject);
    if (known === 'erased' || (known === undefined && !toSeal)) return known;
    const ofTenant = await this.ofTenant(tenant, known === undefined);
    if (ofTenant === 'erased') return ofTenant;
    if (known !== undefined) return await this.opened(place, known, ofTenant);
    if (ofTenant === undefined) return undefined;
    const { wrapped, own } = await this.make(tenant, subject, besideTenants(place));
    if (wrapped === undefined || wrapped === 'erased') return wrapped;
    return own === undefined ? await this.opened(place, wrapped, ofTenant) : together(own, ofTenant);
  }

  private async make(tenant: string, name: string, place: string): Promise<Made> {
    const own = randomBytes(KEY_BYTES);
    const wrapped = await this.wrap
      .wrap(place, own)
      .catch((error: unknown) =>
        this.unable('no key of a subject can be wrapped: has the identity its role on what wraps?', place, error),
      );
    if (wrapped === undefined) return {};
    const kept = await this.keys.keep(tenant, name, wrapped);
    // Of two at once one is kept. What was made here is not asked for once more: what wraps takes only so much.
    return kept !== 'erased' && Buffer.compare(kept, wrapped) === 0 ? { wrapped: kept, own } : { wrapped: kept };
  }

  private async opened(
    place: string,
    wrapped: Uint8Array,
    ofTenant: Uint8Array | undefined,
  ): Promise<Kept | undefined> {
    let own: Uint8Array;
    try {
      own = await this.wrap.unwrap(besideTenants(place), wrapped);
    } catch (error) {
      if (error instanceof StoreBusy) throw error;
      // One from before tenants had keys stands by itself.
      const alone = await this.wrap.unwrap(place, wrapped).catch((lost: unknown) => this.lost(place, lost));
      return alone && subjectKeyOf(alone);
    }
    return ofTenant && together(own, ofTenant);
  }

  /** What is sealed with it stays sealed; all else is read as ever. */
  private lost(place: string, error: unknown): undefined {
    return this.unable(
      'the key of a subject could not be unwrapped: is its version enabled in the vault, has the identity its role there, was it wrapped by another FORMICARY_PERSONAL_KEY?',
      place,
      error,
    );
  }

  /** What wraps refuses; that it is away is for whoever asks, who comes again. */
  private unable(message: string, place: string, error: unknown): undefined {
    if (error instanceof StoreBusy) throw error;
    this.report(message, { subject: place, error: messageOf(error) });
  }
}

/** What seals: it follows from both keys. */
function together(own: Uint8Array, ofTenant: Uint8Array): Kept {
  // Overwritten meanwhile, it would give a key that follows from the subject's own alone, which is there still.
  if (ofTenant.every((byte) => byte === 0)) return 'erased';
  return subjectKeyOf(createHmac('sha256', ofTenant).update(own).digest());
}

/** For what a subject's own key is wrapped that opens nothing without the tenant's. */
function besideTenants(place: string): string {
  return `${place} of its tenant`;
}

/** Who a stream of erasures is about. */
export function subjectOf(stream: string): { readonly tenant: string; readonly subject: string } {
  const { tenant, id: subject } = parseStream(stream);
  return { tenant, subject };
}
