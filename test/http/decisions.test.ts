/**
 * The routes by which agents and people decide, from end to end: through the real host, over real connections, on a
 * real store. What is tested stands in `decisions/`, a file a subject: one host serves them all, and at the end every
 * answer is held against its documentation.
 */
import './decisions/actions';
import './decisions/rounds';
import './decisions/settings';
import { host, seen } from './decisions/world';
import { DECISION_TAGS, documented } from './documented';
import { call } from './support';

test('every answer of these tests has the documented form, and every route was asked', async () => {
  const check = documented((await call(host, '/openapi.json')).body);
  for (const { method, path, reply } of seen)
    expect([method, path, reply.status, check(method, path, reply)]).toEqual([method, path, reply.status, []]);
  expect(check.unanswered((tag) => DECISION_TAGS.has(tag))).toEqual([]);
  expect(host.output()).not.toMatch(/"level":("error"|50|60)/);
});
