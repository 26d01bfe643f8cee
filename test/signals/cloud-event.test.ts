import fc from 'fast-check';
import type { Commit } from '../../domain/kernel/commit';
import { Rejection } from '../../domain/kernel/decider';
import {
  cloudEventsOf,
  type IncomingSignal,
  MAX_SIGNALS_PER_MESSAGE,
  signalsOf,
  tenantOf,
  withoutData,
} from '../../domain/signals/cloud-event';
import { HOSTILE } from '../contracts/contract';
import { chain } from '../support/commits';

const NOW = '2026-11-21T10:00:00.000Z';
const DEFAULTS = { emitter_agent: 'event-hub', timestamp: NOW };
const plain = { tenant: 'acme', type: 'load_high', location: 'site/7', strength: 0.5 };
const whole = {
  tenant: 'acme',
  signal: {
    type: 'load_high',
    location: 'site/7',
    strength: 0.5,
    emitter_agent: 'event-hub',
    timestamp: NOW,
    decay_rate: 0.1,
  },
};
const named = { ...whole, signal: { ...whole.signal, event_id: expect.stringMatching(/^[\da-f]{20}$/) as string } };
const read = (body: unknown, properties = {}) => signalsOf(body, properties, DEFAULTS);

describe('in', () => {
  const event = {
    specversion: '1.0',
    id: '1',
    source: '/sensor',
    type: 'formicary.signal.load_high',
    subject: 'site/7',
    tenant: 'acme',
    data: { strength: 0.5 },
  };

  test.each<[string, unknown, Record<string, unknown>, IncomingSignal[]]>([
    ['plain JSON', plain, {}, [whole]],
    ['a list', [plain, { ...plain, tenant: 'other' }], {}, [whole, { ...whole, tenant: 'other' }]],
    ['a structured CloudEvent', event, {}, [named]],
    ['a type without prefix', { ...event, type: 'load_high' }, {}, [named]],
    ['a batch of CloudEvents', [event, event], {}, [named, named]],
    ['one without an id', { ...event, id: '' }, {}, [whole]],
    ['data says more than attributes', { ...event, type: 'x', subject: 'y', tenant: 'z', data: plain }, {}, [named]],
    [
      'binary',
      { strength: 0.5 },
      {
        'cloudEvents:specversion': '1.0',
        'cloudEvents:type': 'load_high',
        'cloudEvents:subject': 'site/7',
        'cloudEvents:tenant': 'acme',
      },
      [whole],
    ],
    [
      'binary, the other prefix',
      { strength: 0.5 },
      {
        cloudEvents_specversion: '1.0',
        cloudEvents_type: 'load_high',
        cloudEvents_subject: 'site/7',
        cloudEvents_tenant: 'acme',
      },
      [whole],
    ],
    [
      'its own time',
      { ...plain, timestamp: '2026-11-21T11:00:00+02:00' },
      {},
      [{ ...whole, signal: { ...whole.signal, timestamp: '2026-11-21T09:00:00.000Z' } }],
    ],
    [
      'time of the event',
      { ...event, time: '2026-11-21T09:00:00.1234567Z' },
      {},
      [{ ...named, signal: { ...named.signal, timestamp: '2026-11-21T09:00:00.123Z' } }],
    ],
    ['null counts as absent', { ...plain, decay_rate: null, timestamp: null }, {}, [whole]],
  ])('%s', (_, body, properties, expected) => {
    expect(read(body, properties)).toEqual(expected);
  });

  test('source and id name an event, whatever else it says; each signal in the body of one has its own name', () => {
    const name = (body: unknown, properties = {}) =>
      (read(body, properties) as readonly IncomingSignal[]).map(({ signal }) => signal.event_id);
    const [first] = name(event);
    expect(
      name([event, { ...event, data: { strength: 0.25 } }, { ...event, id: '2' }, { ...event, source: '/other' }]),
    ).toEqual([first, first, expect.not.stringMatching(first as string), expect.not.stringMatching(first as string)]);
    const binary = { 'cloudEvents:specversion': '1.0', 'cloudEvents:id': 7, 'cloudEvents:source': '/s' };
    const twice = name([plain, plain], binary);
    expect(new Set(twice).size).toBe(2);
    expect(name([plain, plain], binary)).toEqual(twice);
  });

  test.each<[unknown, Record<string, unknown>, string | undefined]>([
    [plain, {}, 'acme'],
    [event, {}, 'acme'],
    [{ strength: 7 }, { 'cloudEvents:specversion': '1.0', 'cloudEvents:tenant': 'acme' }, 'acme'],
    ['hello', {}, undefined],
    [[plain, { ...plain, tenant: 'other' }], {}, undefined],
    [{ ...plain, tenant: 'a/b' }, {}, undefined],
  ])('the tenant of %j with %j is %s', (body, properties, tenant) => expect(tenantOf(body, properties)).toBe(tenant));

  test.each<[string, unknown, Record<string, unknown>?]>([
    ['no JSON', 'hello'],
    ['null', null],
    ['nothing', []],
    ['too many', Array.from({ length: MAX_SIGNALS_PER_MESSAGE + 1 }, () => plain)],
    ['one of them malformed', [plain, 7]],
    ['a list in a list', [[plain]]],
    ['another specversion', { ...event, specversion: '0.3' }],
    ['no data', { ...event, data: undefined }],
    ['no tenant', { ...plain, tenant: undefined }],
    ['a tenant that is none', { ...plain, tenant: 'a/b' }],
    ['no strength', { ...plain, strength: undefined }],
    ['a strength in text', { ...plain, strength: '0.5' }],
    ['a strength above 1', { ...plain, strength: 1.5 }],
    ['a location that climbs', { ...plain, location: '../x' }],
    ['a time that is none', { ...plain, timestamp: 'yesterday' }],
    ['a time beyond all years', { ...plain, timestamp: '0000-01-01T00:00:00+10:00' }],
    ['an emitter that is no text', { ...plain, emitter_agent: { id: 'x' } }],
    [
      'what objects inherit',
      JSON.parse('{"__proto__": {"tenant": "acme", "type": "load_high", "location": "a", "strength": 1}}'),
    ],
  ])('refused whole: %s', (_, body, properties = {}) => {
    expect(read(body, properties)).toMatchObject({ kind: 'invalid', code: 'signal-malformed' });
  });

  // `__proto__` is a place like any other.
  test.each(HOSTILE.filter((text) => text !== '__proto__'))(
    'hostile text is refused where it is no name: %j',
    (text) => {
      for (const field of ['tenant', 'type', 'location', 'emitter_agent', 'timestamp'])
        expect(read({ ...plain, [field]: text })).toBeInstanceOf(Rejection);
    },
  );

  test('whatever comes, it is signals or a refusal', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue()), (body, properties) => {
        const answer = read(body, properties);
        expect(answer instanceof Rejection || answer.length > 0).toBe(true);
      }),
    );
  });
});

describe('out', () => {
  const [sealed] = chain('acme/task/1', 1);
  const commit = {
    ...(sealed?.commit as Commit),
    events: [
      { type: 'TaskPosted', v: 1, data: { a: 1 } },
      { type: 'BidsClosed', v: 2, data: { b: 2 } },
    ],
  };

  test('an event each, with ids that stay', () => {
    const events = cloudEventsOf(commit);
    expect(events).toMatchObject([
      {
        specversion: '1.0',
        id: 'acme/task/1@0.0',
        source: '/acme/task/1',
        type: 'formicary.task.TaskPosted.v1',
        time: commit.at,
        tenant: 'acme',
        partitionkey: 'acme/task/1',
        commithash: commit.hash,
        data: { a: 1 },
      },
      { id: 'acme/task/1@0.1', type: 'formicary.task.BidsClosed.v2', data: { b: 2 } },
    ]);
    expect(cloudEventsOf(commit)).toEqual(events);
    // Attribute names are lower-case letters and digits.
    for (const event of events) expect(Object.keys(event).filter((name) => !/^[a-z0-9]{1,20}$/.test(name))).toEqual([]);
  });

  test('what happens at one place of a tenant shares a key, which is never too long', () => {
    const at = (tenant: string, location: string) =>
      cloudEventsOf({
        ...commit,
        stream: `${tenant}/trail/x`,
        events: [{ type: 'SignalEmitted', v: 1, data: { location } }],
      })[0]?.partitionkey as string;
    expect(at('acme', 'site/7')).toBe('acme/site/7');
    const [long, other] = [at('acme', 'x'.repeat(256)), at('acme', 'y'.repeat(256))];
    expect([long.length <= 128, long === other, at('acme', 'x'.repeat(256)) === long]).toEqual([true, false, true]);
  });

  test('without its data it says where the data is', () => {
    const [event] = cloudEventsOf(commit);
    const small = withoutData(event as NonNullable<typeof event>);
    expect(small).toMatchObject({ id: 'acme/task/1@0.0', dataref: '/v1/streams/task/1' });
    expect(small).not.toHaveProperty('data');
  });
});
