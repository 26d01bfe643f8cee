import fc from 'fast-check';
import { Rejection } from '../../domain/kernel/decider';
import { plusSeconds, secondsBetween } from '../../domain/kernel/time';
import type { Channel } from '../../domain/notices/channel';
import {
  attempted,
  type AttemptResult,
  deliveryDecider,
  deliveryDue,
  type DeliveryEvent,
  type DeliveryState,
  MAX_AGE_SECONDS,
  MAX_ATTEMPTS,
  redrive,
  request,
} from '../../domain/notices/delivery';
import { noticeOf } from '../../domain/notices/notice';
import { given, GIVEN_TIME } from '../support/given';

const NOW = plusSeconds(GIVEN_TIME, 10);
const notice = noticeOf({
  id: 'approval-1',
  event: 'approval-requested',
  subject: 'payment.release',
  summary: 'Pay 900.',
  severity: 'high',
  facts: [],
  at: GIVEN_TIME,
  deadline: plusSeconds(GIVEN_TIME, 3600),
  link: 'https://formicary.example/approvals/1',
});
const channel: Channel = {
  kind: 'standard',
  address: 'https://ops.example/',
  secret: 'env:OPS',
  groups: ['*'],
  events: ['approval-requested'],
};
const moved: Channel = { ...channel, address: 'https://new.example/' };
const target = { channel_id: 'ops', kind: channel.kind, address: channel.address, secret: channel.secret };

const requested: DeliveryEvent = { type: 'DeliveryRequested', v: 1, data: { notice, ...target } };
const failed = (attempt: number, next_at = plusSeconds(NOW, 30)): DeliveryEvent => ({
  type: 'DeliveryFailed',
  v: 1,
  data: { attempt, status: 500, reason: 'the receiver answered 500', next_at },
});
const delivered = (attempt = 1): DeliveryEvent => ({ type: 'Delivered', v: 1, data: { attempt, status: 204 } });
const dead = (attempt = 1): DeliveryEvent => ({
  type: 'DeliveryDead',
  v: 1,
  data: { attempt, status: 410, reason: 'the receiver answered 410' },
});
const redriven: DeliveryEvent = {
  type: 'DeliveryRedriven',
  v: 1,
  data: { by: 'eve', ...target, address: moved.address },
};

const OK: AttemptResult = { ok: true, status: 204 };
const BROKEN: AttemptResult = { ok: false, status: 500, reason: 'the receiver answered 500' };

test('the intent, once', () => {
  given(deliveryDecider, [])
    .when(request(notice, 'ops', channel))
    .then([requested])
    .thenState((state) => {
      expect(state).toMatchObject({ status: 'pending', notice, target, attempts: 0, since: GIVEN_TIME });
      expect(deliveryDue(state)).toBe(GIVEN_TIME);
    });
  for (const history of [[requested], [requested, delivered()], [requested, dead()]])
    given(deliveryDecider, history)
      .when(request(notice, 'ops', moved))
      .thenNothing();
});

describe('an attempt', () => {
  test('that arrives', () => {
    given(deliveryDecider, [requested])
      .when(attempted(1, OK, NOW, 0))
      .then([delivered()])
      .thenState((state) => state.status === 'delivered' && deliveryDue(state) === undefined);
  });

  test.each<[string, number, AttemptResult, number, number]>([
    ['the first pause', 1, BROKEN, 0.5, 30],
    ['four times as long', 2, BROKEN, 0.5, 120],
    ['at most six hours', 7, BROKEN, 0.5, 6 * 3600],
    ['with the least jitter half of it', 1, BROKEN, 0, 15],
    ['with the most jitter half more', 1, BROKEN, 1 - 2 ** -20, 45],
    ['longer when 429 asks for it', 1, { ...BROKEN, status: 429, retry_after: 600 }, 0.5, 600],
    ['longer when 503 asks for it', 1, { ...BROKEN, status: 503, retry_after: 600 }, 0.5, 600],
    ['not shorter', 1, { ...BROKEN, status: 503, retry_after: 1 }, 0.5, 30],
    ['within limits', 1, { ...BROKEN, status: 503, retry_after: 1e9 }, 0.5, 6 * 3600],
    ['not for another status', 1, { ...BROKEN, retry_after: 600 }, 0.5, 30],
  ])('that fails: %s', (_, attempt, result, jitter, seconds) => {
    const before = Array.from({ length: attempt - 1 }, (_, i) => failed(i + 1));
    given(deliveryDecider, [requested, ...before])
      .when(attempted(attempt, result, NOW, jitter))
      .thenState((state) => {
        expect(state).toMatchObject({
          status: 'pending',
          attempts: attempt,
          failure: { status: (result as { status: number }).status },
        });
        expect(secondsBetween(NOW, deliveryDue(state) as string)).toBeCloseTo(seconds, 2);
      });
  });

  test.each<[string, AttemptResult]>([
    ['410', { ...BROKEN, status: 410 }],
    ['a refusal for good', { ...BROKEN, permanent: true }],
  ])('that %s makes a dead letter of', (_, result) => {
    given(deliveryDecider, [requested])
      .when(attempted(1, result, NOW, 0))
      .then([
        {
          type: 'DeliveryDead',
          v: 1,
          data: { attempt: 1, status: result.status, reason: 'the receiver answered 500' },
        },
      ])
      .thenState((state) => state.status === 'dead' && deliveryDue(state) === undefined);
  });

  test('the last of eight', () => {
    const seven = Array.from({ length: MAX_ATTEMPTS - 1 }, (_, i) => failed(i + 1));
    given(deliveryDecider, [requested, ...seven])
      .when(attempted(MAX_ATTEMPTS, BROKEN, NOW, 0))
      .thenState((state) => state.status === 'dead' && state.attempts === MAX_ATTEMPTS);
  });

  test('the last within a day; one is made however late', () => {
    const late = plusSeconds(GIVEN_TIME, MAX_AGE_SECONDS - 20);
    given(deliveryDecider, [requested])
      .when(attempted(1, BROKEN, late, 0))
      .thenState((state) => state.status === 'pending');
    given(deliveryDecider, [requested])
      .when(attempted(1, BROKEN, late, 0.5))
      .thenState((state) => state.status === 'dead');
    given(deliveryDecider, [requested])
      .when(attempted(1, OK, plusSeconds(late, MAX_AGE_SECONDS), 0.5))
      .thenState((state) => state.status === 'delivered');
  });

  test('recorded twice counts once', () => {
    given(deliveryDecider, [requested, failed(1)])
      .when(attempted(1, BROKEN, NOW, 0))
      .thenNothing();
    given(deliveryDecider, [requested, delivered()])
      .when(attempted(1, OK, NOW, 0))
      .thenNothing();
    given(deliveryDecider, [requested, delivered()])
      .when(attempted(1, BROKEN, NOW, 0))
      .thenNothing();
    given(deliveryDecider, [requested, dead()])
      .when(attempted(2, BROKEN, NOW, 0))
      .thenNothing();
  });

  test('made twice at once: what has arrived has arrived', () => {
    given(deliveryDecider, [requested, failed(1)])
      .when(attempted(1, OK, NOW, 0))
      .then([delivered()]);
    given(deliveryDecider, [requested, failed(1), failed(2)])
      .when(attempted(1, OK, NOW, 0))
      .then([delivered(2)]);
    given(deliveryDecider, [requested, dead()])
      .when(attempted(1, OK, NOW, 0))
      .then([delivered()]);
  });

  test('of nothing', () =>
    given(deliveryDecider, [])
      .when(attempted(1, OK, NOW, 0))
      .thenRejected('delivery-not-found'));

  test('with a long reason', () => {
    given(deliveryDecider, [requested])
      .when(attempted(1, { ok: false, reason: '😀'.repeat(1_000) }, NOW, 0))
      .thenState(
        ({ failure }) =>
          (failure as { reason: string }).reason.length <= 300 && (failure as { reason: string }).reason.isWellFormed(),
      );
  });
});

describe('redrive', () => {
  test('goes to where the channel leads now, with attempts counted anew', () => {
    given(deliveryDecider, [requested, failed(1), dead(2)])
      .when(redrive('eve', moved))
      .then([redriven])
      .thenState((state) => {
        expect(state).toMatchObject({
          status: 'pending',
          attempts: 2,
          last_attempt: 2 + MAX_ATTEMPTS,
          target: { address: moved.address },
        });
        expect(deliveryDue(state)).toBe(state.since);
      });
    given(deliveryDecider, [requested, dead(), redriven]).when(redrive('eve', moved)).thenNothing();
    given(deliveryDecider, [requested, dead(2), redriven])
      .when(attempted(3, BROKEN, NOW, 0.5))
      .thenState((state) => secondsBetween(NOW, deliveryDue(state) as string) === 30);
  });

  test('an attempt from before the redrive is not counted', () => {
    given(deliveryDecider, [requested, dead(1), redriven])
      .when(attempted(1, BROKEN, NOW, 0))
      .thenNothing();
  });

  test.each<[string, readonly DeliveryEvent[], Channel | undefined, string]>([
    ['nothing', [], moved, 'delivery-not-found'],
    ['what was delivered', [requested, delivered()], moved, 'delivery-not-dead'],
    ['without its channel', [requested, dead()], undefined, 'channel-removed'],
  ])('%s', (_, history, to, code) => given(deliveryDecider, history).when(redrive('eve', to)).thenRejected(code));
});

test('whatever receivers say, a delivery ends after at most eight attempts, within a day', () => {
  const result = fc.record({
    status: fc.constantFrom(undefined, 301, 400, 429, 500, 503),
    retry_after: fc.option(fc.integer({ min: 0, max: 1e6 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(result, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })), {
        minLength: MAX_ATTEMPTS,
        maxLength: MAX_ATTEMPTS,
      }),
      (results) => {
        const place = { stream: 'acme/delivery/1', index: 0, at: GIVEN_TIME, correlationId: 'c' };
        let state: DeliveryState = deliveryDecider.evolve(deliveryDecider.initial, requested, place);
        for (const [{ status, retry_after }, jitter] of results) {
          if (state.status !== 'pending') break;
          const now = deliveryDue(state) as string;
          expect(secondsBetween(GIVEN_TIME, now)).toBeLessThanOrEqual(MAX_AGE_SECONDS);
          const events = attempted(
            state.attempts + 1,
            { ok: false, status, reason: 'no', retry_after },
            now,
            jitter,
          )(state);
          if (events instanceof Rejection) throw new Error(events.code);
          for (const event of events) state = deliveryDecider.evolve(state, event, place);
        }
        // Without a wish of the receiver, all eight have their turn.
        expect(state).toMatchObject(
          results.some(([{ retry_after }]) => retry_after !== undefined)
            ? { status: 'dead' }
            : { status: 'dead', attempts: MAX_ATTEMPTS },
        );
      },
    ),
  );
});
