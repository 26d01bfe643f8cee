/**
 * The API from end to end: through the real host, over real connections, on a real store. What is tested stands in
 * `api/`, a file a subject: one host serves them all, and at the end every answer is held against its documentation.
 */
import './api/task-life';
import './api/retries';
import './api/waiting';
import './api/lists';
import './api/sharing';
import './api/operation';
import './api/identity';
import './api/stops';
import './api/jobs';
import './api/schedules';
import './api/policy';
import './api/budgets';
import './api/tenants';
import './api/volumes';
import './api/personal';
import './api/asks';
import './api/tools';
import { PROFILE } from '../support/host';
import { host, seen } from './api/world';
import { DECISION_TAGS, documented } from './documented';
import { call } from './support';

describe('the documentation', () => {
  test('is a page that runs nothing but its own script', async () => {
    const { status, headers, text } = await call(host, '/docs');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = headers['content-security-policy'] as string;
    expect(policy).toMatch(/^default-src 'none'/);
    expect(policy).not.toMatch(/unsafe|\*/);
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
    expect(text).toContain('/openapi.json');
    expect(text).not.toMatch(/(src|href)="https?:/);
  });

  test('says what was answered: every answer of these tests has the documented form, and every route was asked', async () => {
    const { body, headers } = await call(host, '/openapi.json');
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    const check = documented(body);
    for (const { method, path, reply } of seen)
      expect([method, path, reply.status, check(method, path, reply)]).toEqual([method, path, reply.status, []]);
    expect(seen.length).toBeGreaterThan(500);
    // A stream goes on, nothing is parked that could be redriven, gateways have tests of their own, and there are
    // volumes on Azure alone.
    expect(
      check
        .unanswered((tag) => !DECISION_TAGS.has(tag) && tag !== 'Gateway' && (tag !== 'Volumes' || PROFILE === 'azure'))
        .filter((operation) => !['streamReceipts', 'redriveParked'].includes(operation)),
    ).toEqual([]);
  });
});
