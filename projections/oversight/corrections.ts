/** Corrections for lists, and for learning: a row per correction. */
import type { CorrectionSummary } from '../../contract/oversight/corrections';
import type { Shown } from '../../contract/route';
import { correctionDecider, type CorrectionState } from '../../domain/oversight/correction';
import type { Projection } from '../projection';
import { ALL } from '../projection';

export type CorrectionDoc = Shown<typeof CorrectionSummary>;

export const corrections: Projection<CorrectionState, CorrectionDoc> = {
  name: 'corrections',
  version: 1,
  category: correctionDecider.category,
  fields: ['stream', 'by'],
  row({ tenant, id, stream, version, at }, { correction }) {
    if (correction === undefined) return undefined;
    const doc: CorrectionDoc = {
      id,
      stream: correction.target.slice(0, correction.target.lastIndexOf('@')),
      at,
      ...correction,
    };
    return { tenant, key: ALL, source: stream, index: version, doc };
  },
};
