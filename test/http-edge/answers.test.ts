/** What handlers share: answers to several commands in one request, and pages of lists. */
import type { Page } from '../../app/engine/aggregate';
import { Rejection } from '../../domain/kernel/decider';
import { batchAnswer, listed, pageOf } from '../../functions/edge/answers';
import { type Problem, type ProblemDocument, rejected } from '../../functions/edge/problem';
import { ADA } from './support';

describe('several commands in one request', () => {
  const done: { readonly id: string; readonly problem?: ProblemDocument } = { id: 'a' };
  const busy = {
    problem: rejected(new Rejection('unavailable', 'store-busy', 'm', { retryAfterSeconds: 7 })).document,
  };
  const refused = { problem: rejected(new Rejection('conflict', 'task-exists', 'm')).document };

  test('are answered one by one when any of them was done or refused', () => {
    for (const value of [[done, busy], [busy, refused], [done, refused], [refused]])
      expect(batchAnswer(value)).toEqual({ body: { value } });
  });

  test('are answered together when the store could do none', () => {
    const answer = batchAnswer([busy, busy]) as Problem;
    expect(answer).toMatchObject({ document: { status: 503, retryAfterSeconds: 7 }, headers: { 'retry-after': '7' } });
  });
});

test('a problem does not look for where it was made, and what fails afterwards does', () => {
  expect(rejected(new Rejection('conflict', 'task-exists', 'm')).stack).not.toContain('    at ');
  expect(new Error('a defect').stack).toContain('answers.test');
});

describe('a page of a list', () => {
  test('links to the next one at the same path, by what was asked for', () => {
    const call = { template: '/v1/a/{id}/{*rest}', params: { id: 'x y', rest: 'b/c' }, query: { limit: 2, q: 'z' } };
    expect(pageOf(call, [1, 2], 'on')).toEqual({
      body: { value: [1, 2], nextLink: '/v1/a/x%20y/b%2Fc?limit=2&q=z&continuation=on' },
    });
    expect(pageOf(call, [1], undefined)).toEqual({ body: { value: [1] } });
  });

  test('is asked of the list by what the query holds beside the page', async () => {
    const query = { limit: 2, continuation: 'from here', status: 'open' as const };
    const call = { principal: ADA, template: '/v1/a', params: {}, query };
    const asked = jest.fn(async (): Promise<Page<number>> => ({ docs: [3], continuation: 'on' }));
    expect(await listed(call, asked)).toEqual({
      body: { value: [3], nextLink: '/v1/a?limit=2&status=open&continuation=on' },
    });
    expect(asked.mock.calls).toEqual([[ADA.tenant, { status: 'open' }, 2, 'from here']]);
  });

  test('from a place that is not one of the list is refused', async () => {
    const call = { principal: ADA, template: '/v1/a', params: {}, query: { limit: 2 } };
    const list = () => Promise.reject(new RangeError('not a place'));
    await expect(listed(call, list)).rejects.toMatchObject({
      document: { status: 400, errors: [{ parameter: 'continuation', message: 'not a place' }] },
    });
  });
});
