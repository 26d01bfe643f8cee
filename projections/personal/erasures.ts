/** Who was erased: the list that is gone through again after a restore. */
import { subjectDecider, type SubjectState } from '../../domain/personal/subject';
import { ALL, type Projection } from '../projection';

export interface Erasure {
  readonly subject: string;
  /** Its stream, which names the tenant too. */
  readonly stream: string;
  readonly by: string;
  readonly via?: string;
  readonly reason: string;
  readonly at: string;
}

export const erasures: Projection<SubjectState, Erasure> = {
  name: 'erasures',
  version: 1,
  category: subjectDecider.category,
  fields: [],
  row({ tenant, id, stream, version }, { erased }) {
    return erased && { tenant, key: ALL, source: stream, index: version, doc: { subject: id, stream, ...erased } };
  },
};
