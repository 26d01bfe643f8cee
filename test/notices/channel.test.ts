import fc from 'fast-check';
import {
  carries,
  type Channel,
  channelDecider,
  type ChannelEvent,
  channelProblems,
  isReference,
  removeChannel,
  setChannel,
} from '../../domain/notices/channel';
import { given } from '../support/given';

const hook: Channel = {
  kind: 'standard',
  address: 'https://ops.example/hooks/1',
  secret: 'env:OPS',
  groups: ['on-call'],
  events: ['approval-requested'],
};
const slack: Channel = {
  kind: 'slack',
  address: 'env:SLACK',
  groups: ['*'],
  events: ['approval-requested', 'round-escalated'],
};
const mail: Channel = {
  kind: 'mail',
  address: 'ops+night@example.org',
  groups: ['on-call'],
  events: ['veto-window-opened'],
};

const set = (channel: Channel): ChannelEvent => ({ type: 'ChannelSet', v: 1, data: { channel_id: 'ops', ...channel } });
const removed: ChannelEvent = { type: 'ChannelRemoved', v: 1, data: { channel_id: 'ops', by: 'eve' } };

describe('set', () => {
  test.each([
    hook,
    slack,
    mail,
    { ...slack, kind: 'teams' as const },
    { ...hook, address: 'env:URL' },
    { ...hook, kind: 'cloudevents' as const, events: ['task-ended' as const], ends_of: { task_types: ['audit'] } },
    { ...hook, address: 'http://127.0.0.1:9/' },
  ])('$kind', (channel) => {
    given(channelDecider, [])
      .when(setChannel('ops', channel))
      .then([set(channel)])
      .thenState((state) => expect(state).toMatchObject({ status: 'active', channel_id: 'ops', channel }));
    given(channelDecider, [set(channel)])
      .when(setChannel('ops', channel))
      .thenNothing();
  });

  test.each<Partial<Channel>>([
    { address: 'https://ops.example/hooks/2' },
    { secret: 'env:NEW' },
    { groups: ['on-call', 'leads'] },
    { events: ['round-escalated'] },
  ])('another %j', (change) => {
    given(channelDecider, [set(hook)])
      .when(setChannel('ops', { ...hook, ...change }))
      .then([set({ ...hook, ...change })])
      .thenRepeatedNothing();
  });

  test('after it was removed', () => {
    given(channelDecider, [set(hook), removed])
      .when(setChannel('ops', hook))
      .then([set(hook)])
      .thenRepeatedNothing();
  });

  test.each<[string, Channel, string?]>([
    ['channel_id', hook, 'a/b'],
    ['kind', { ...hook, kind: 'pager' as Channel['kind'] }],
    ['address', { ...hook, address: 'http://ops.example/' }],
    ['address', { ...hook, address: 'http://127.0.0.1.example/' }],
    ['address', { ...hook, address: 'https://user:word@ops.example/' }],
    ['address', { ...hook, address: 'https://user@ops.example/' }],
    ['address', { ...hook, address: 'https://ops.example/?token=abc' }],
    ['address', { ...hook, address: 'https://ops.example/#abc' }],
    ['address', { ...hook, address: 'https://ops.example/\r\nx: y' }],
    ['address', { ...hook, address: `https://ops.example/${'x'.repeat(1_000)}` }],
    ['address', { ...hook, address: 'ftp://ops.example/' }],
    ['address', { ...hook, address: 'ops.example' }],
    ['address', { ...slack, address: 'https://hooks.slack.com/services/T/B/x' }],
    ['address', { ...slack, kind: 'teams', address: 'https://example.webhook.office.com/webhookb2/x' }],
    ['secret', { ...hook, secret: undefined }],
    ['secret', { ...hook, secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' }],
    ['secret', { ...slack, secret: 'env:OPS' }],
    ['secret', { ...mail, secret: 'env:OPS' }],
    ['address', { ...mail, address: 'ops' }],
    ['address', { ...mail, address: 'Ops <ops@example.org>' }],
    ['address', { ...mail, address: 'a@example.org, b@example.org' }],
    ['address', { ...mail, address: 'a@example.org\r\nBcc: b@example.org' }],
    ['address', { ...mail, address: '"a b"@example.org' }],
    ['address', { ...mail, address: `${'a'.repeat(250)}@example.org` }],
    ['groups', { ...hook, groups: [] }],
    ['groups', { ...hook, groups: ['a', 'a'] }],
    ['groups', { ...hook, groups: ['two words'] }],
    ['groups', { ...hook, groups: Array.from({ length: 101 }, (_, i) => `g${i}`) }],
    ['events', { ...hook, events: [] }],
    ['events', { ...hook, events: ['TaskPosted'] as unknown as Channel['events'] }],
    ['events', { ...hook, events: ['round-escalated', 'round-escalated'] }],
    ['secret', { ...hook, kind: 'cloudevents', secret: undefined }],
    ['ends_of', { ...hook, ends_of: { jobs: ['j-1'] } }],
    ['ends_of', { ...hook, events: ['job-ended'], ends_of: {} }],
    ['ends_of', { ...hook, events: ['job-ended'], ends_of: { jobs: [] } }],
    ['ends_of', { ...hook, events: ['job-ended'], ends_of: { jobs: ['j-1'], tasks: ['two words'] } }],
  ])('refuses %s: %j', (field, channel, id = 'ops') => {
    const problems = channelProblems(id, channel);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(field);
    given(channelDecider, [set(hook)])
      .when(setChannel(id, channel))
      .thenRejected('channel-invalid', { problems });
  });
});

describe('remove', () => {
  test('a channel', () => {
    given(channelDecider, [set(hook)])
      .when(removeChannel('eve'))
      .then([removed])
      .thenState((state) => state.status === 'removed' && state.channel === undefined);
    given(channelDecider, [set(hook), removed])
      .when(removeChannel('eve'))
      .thenNothing();
  });

  test('none', () => given(channelDecider, []).when(removeChannel('eve')).thenRejected('channel-not-found'));
});

test('carries what it is set for, to whom it is set for', () => {
  expect(carries(hook, { event: 'approval-requested' }, 'on-call')).toBe(true);
  expect(carries(hook, { event: 'approval-requested' }, 'leads')).toBe(false);
  expect(carries(hook, { event: 'round-escalated' }, 'on-call')).toBe(false);
  expect(carries(slack, { event: 'round-escalated' }, 'leads')).toBe(true);
  expect(carries(undefined, { event: 'round-escalated' }, 'leads')).toBe(false);
});

test.each<[string, Channel['ends_of'], boolean[]]>([
  ['all', undefined, [true, true, true]],
  ['one task', { tasks: ['t-1'] }, [true, false, false]],
  ['a job and its tasks', { jobs: ['j-1'] }, [false, true, true]],
  ['a type', { task_types: ['audit'] }, [true, false, false]],
  ['a task or a job', { tasks: ['t-1'], jobs: ['j-1'] }, [true, true, true]],
])('carries the ends of %s', (_, ends_of, carried) => {
  const ends = { ...hook, groups: ['*'], events: ['task-ended', 'job-ended'] as const, ...(ends_of && { ends_of }) };
  const status = 'completed';
  expect([
    carries(ends, { event: 'task-ended', ended: { task: 't-1', task_type: 'audit', status } }, '*'),
    carries(ends, { event: 'task-ended', ended: { task: 't-2', task_type: 'other', job: 'j-1', status } }, '*'),
    carries(ends, { event: 'job-ended', ended: { job: 'j-1', status } }, '*'),
  ]).toEqual(carried);
  expect(carries({ ...ends, groups: ['on-call'] }, { event: 'job-ended', ended: { job: 'j-1', status } }, '*')).toBe(
    false,
  );
});

test('no URL and no secret passes for a reference', () => {
  fc.assert(fc.property(fc.webUrl({ withQueryParameters: true }), (url) => !isReference(url)));
  fc.assert(fc.property(fc.base64String({ minLength: 24 }), (text) => !isReference(`whsec_${text}`)));
  expect(isReference('env:OPS')).toBe(true);
});

test('no hostile mailbox takes long to refuse', () => {
  const before = process.threadCpuUsage();
  for (const address of ['a.'.repeat(50_000), `a@${'a-'.repeat(50_000)}`, `${'a'.repeat(126)}@${'a.'.repeat(63)}`])
    expect(channelProblems('ops', { ...mail, address })).toHaveLength(1);
  // Of the processor: by its square it is many times as much, on any machine.
  expect(process.threadCpuUsage(before).user / 1_000).toBeLessThan(1_000);
});
