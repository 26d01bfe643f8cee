/** `/v1/jobs`: tasks that are posted as one thing, some of which come after others. */
import { askedJob, jobAnswer } from '../../../app/jobs/job-answer';
import { jobs } from '../../../contract/jobs/jobs';
import { bind } from '../../bind';
import { commanded, createdId, existing, listed, pageOf, patience } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { accepted } from '../../runtime';

bind(jobs.post, async (colony, call) => {
  const { body } = call;
  const id = createdId(jobs.get.path, call, body.id);
  const done = accepted(await colony.jobs.post(contextOf(call), id, askedJob(body), body));
  return commanded(done, { job: jobAnswer(id, done) }, { location: `/v1/jobs/${id}` });
});

bind(jobs.list, ({ jobs }, call) => listed(call, (...asked) => jobs.list(...asked)));

bind(jobs.get, async (colony, call) => {
  const { id } = call.params;
  const { asOf } = call.query;
  const { tenant } = call.principal;
  const load = () =>
    asOf === undefined ? colony.jobEnds.until(tenant, id, patience(call)) : colony.jobs.load(tenant, id, asOf);
  const loaded = existing('job', id, await load(), asOf);
  return { body: jobAnswer(id, loaded), etag: loaded.version };
});

bind(jobs.tasks, async (colony, call) => {
  const { id } = call.params;
  const { tenant } = call.principal;
  const { limit, continuation: from = 0 } = call.query;
  const { state } = existing('job', id, await colony.jobs.load(tenant, id));
  const { value, next } = await colony.jobs.tasks(tenant, id, state, { from, limit });
  return pageOf(call, value, next === undefined ? undefined : String(next));
});

bind(jobs.cancel, async (colony, call) => {
  const { id } = call.params;
  const done = accepted(await colony.jobs.cancel(contextOf(call), id, call.body.reason));
  return commanded(done, { job: jobAnswer(id, done) });
});
