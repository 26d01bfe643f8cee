/**
 * Personal data: fields that are marked, keys of the people that they are about, erasure.
 * Owns a stream for each subject that was read or erased; in memory the keys that were used lately.
 * Calls tenants; the edge asks it before anything else sees a request, and after an answer was made.
 */
import { parseStream } from '../../domain/kernel/ids';
import { subjectDecider } from '../../domain/personal/subject';
import { erasures } from '../../projections/personal/erasures';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { reachable } from '../engine/reachable';
import type { TenantBook, Tenants } from '../tenants/module';
import { KeyRing, subjectOf } from './key-ring';
import { type MarkFault, Personal, type Sending } from './personal';
import { Replay } from './replay';

export { holdsMark, mayHoldMark } from '../../domain/personal/mark';
export type { MarkFault, Personal, Sending };

export interface PersonalNeeds {
  readonly tenants: Tenants;
  readonly tenantBook: TenantBook;
}

export function personalModule(engine: Engine, { tenants, tenantBook }: PersonalNeeds) {
  const { transactor, report, ports } = engine;
  const { subjectKeys, keyWrap } = ports;
  const subjects = engine.aggregate(subjectDecider, { view: erasures, followed: true });
  const ring =
    subjectKeys === undefined || keyWrap === undefined
      ? undefined
      : new KeyRing(subjects, reachable('the keys of subjects', subjectKeys), keyWrap, {
          transactor,
          report,
          tenantBook,
        });
  const personal = new Personal({ subjects, tenants, ring, streams: transactor, report });
  const replay = new Replay(subjects, tenants, ring, report);
  return {
    services: { personal },
    consumers: {
      reactions: [
        {
          // Again where the key was not destroyed yet when the process died.
          name: 'erasures',
          shows: true,
          async handle(commits) {
            for (const { stream, events } of commits)
              for (const { type } of events) {
                if (type === 'TenantErased') await ring?.destroyAll(parseStream(stream).id);
                if (type !== 'SubjectErased') continue;
                const { tenant, subject } = subjectOf(stream);
                await ring?.destroy(tenant, subject);
              }
          },
        },
      ],
    },
    // An older copy of the keys may have been put back: whoever was erased stays so.
    start: () => replay.start(),
    finish: () => replay.finish(),
  } satisfies Module;
}
