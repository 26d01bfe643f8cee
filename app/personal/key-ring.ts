/** The keys of subjects that this process has used lately. */
import { randomBytes } from 'node:crypto';
import { parseStream } from '../../domain/kernel/ids';
import { Recent } from '../../domain/kernel/recent';
import { KEY_BYTES, type SubjectKey, subjectKeyOf, wipe } from '../../domain/kernel/sealing';
import { subjectDecider, type SubjectEvent, type SubjectState, subjectStream } from '../../domain/personal/subject';
import type { Aggregate } from '../engine/aggregate';
import type { Engine } from '../engine/engine';
import { type Report, StoreBusy } from '../engine/ports';
import type { KeyWrap, SubjectKeys } from '../engine/ports-personal';
import { messageOf } from '../engine/reachable';

/** How many are kept unwrapped. */
const MOST = 10_000;

type Kept = SubjectKey | 'erased';

export class KeyRing {
  private readonly report: Report;
  private readonly known = new Recent<string, Kept>(MOST);
  private readonly finding = new Map<string, Promise<Kept | undefined>>();

  constructor(
    private readonly subjects: Pick<Aggregate<SubjectState, SubjectEvent>, 'current'>,
    private readonly keys: SubjectKeys,
    private readonly wrap: KeyWrap,
    { transactor, report }: Pick<Engine, 'transactor' | 'report'>,
  ) {
    this.report = report;
    // Also of what another process has erased.
    transactor.onCommitted(({ category, stream, state }) => {
      if (category === subjectDecider.category && (state as SubjectState).erased !== undefined) this.forget(stream);
    });
  }

  /**
   * The key; `erased` when the subject was; undefined when there is none, or none that can be unwrapped. Made, where it
   * is asked for to seal.
   */
  async of(tenant: string, subject: string, toSeal: boolean): Promise<Kept | undefined> {
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
    // It may have been erased meanwhile.
    if (found !== undefined && this.known.get(stream) !== 'erased') this.known.set(stream, found);
    return this.known.get(stream);
  }

  /** Destroys the key, here and where it is kept. */
  async destroy(tenant: string, subject: string): Promise<void> {
    this.forget(subjectStream(tenant, subject));
    await this.keys.destroy(tenant, subject);
  }

  private forget(stream: string): void {
    const known = this.known.get(stream);
    if (known !== undefined && known !== 'erased') wipe(known);
    this.known.set(stream, 'erased');
  }

  private async find(tenant: string, subject: string, toSeal: boolean): Promise<Kept | undefined> {
    // The log knows who was erased also where an older copy of the keys was put back.
    const { state } = await this.subjects.current(tenant, subject);
    if (state.erased !== undefined) return 'erased';
    const place = subjectStream(tenant, subject);
    let wrapped = await this.keys.find(tenant, subject);
    if (wrapped === undefined && toSeal)
      wrapped = await this.keys.keep(tenant, subject, await this.wrap.wrap(place, randomBytes(KEY_BYTES)));
    if (wrapped === undefined || wrapped === 'erased') return wrapped;
    try {
      return subjectKeyOf(await this.wrap.unwrap(place, wrapped));
    } catch (error) {
      if (error instanceof StoreBusy) throw error;
      // What is sealed with it stays sealed; all else is read as ever.
      this.report('the key of a subject could not be unwrapped: was it wrapped by another FORMICARY_PERSONAL_KEY?', {
        subject: place,
        error: messageOf(error),
      });
      return undefined;
    }
  }
}

/** Who a stream of erasures is about. */
export function subjectOf(stream: string): { readonly tenant: string; readonly subject: string } {
  const { tenant, id: subject } = parseStream(stream);
  return { tenant, subject };
}
