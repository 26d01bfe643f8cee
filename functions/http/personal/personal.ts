/** `/v1/subjects`, `/v1/erasures`: people that data is about, who has read it, and who was erased. */
import { personal, type SubjectRecord } from '../../../contract/personal/personal';
import type { Shown } from '../../../contract/route';
import type { SubjectState } from '../../../domain/personal/subject';
import { bind } from '../../bind';
import { commanded, listed } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { accepted } from '../../runtime';

function subjectAnswer(subject: string, { erased, reads, last }: SubjectState): Shown<typeof SubjectRecord> {
  return { subject, erased, reads, last };
}

bind(personal.subject, async (colony, { principal, params: { subject } }) => {
  const { state, version } = await colony.personal.load(principal.tenant, subject);
  return { body: subjectAnswer(subject, state), etag: version < 0 ? undefined : version };
});

bind(personal.erase, async (colony, call) => {
  const { subject } = call.params;
  const done = accepted(await colony.personal.erase(contextOf(call), subject, call.body.reason));
  return commanded(done, { subject: subjectAnswer(subject, done.state) });
});

bind(personal.erasures, (colony, call) =>
  listed(call, (tenant, _, limit, continuation) => colony.personal.erasures(tenant, limit, continuation)),
);
