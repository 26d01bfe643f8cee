/** `/v1/signals`: emission, and the field that signals add up to. */
import type { SignalOutcome } from '../../../app/signals/signals';
import type { Shown } from '../../../contract/route';
import type { Emitted } from '../../../contract/signals/signals';
import { signals } from '../../../contract/signals/signals';
import { bind } from '../../bind';
import { batchAnswer } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { Problem, type ProblemDocument, rejected } from '../../edge/problem';

bind(signals.emit, async (colony, call) => {
  const { body } = call;
  const inputs = 'signals' in body ? body.signals : [body];
  const outcomes = await colony.signals.emit(contextOf(call), inputs);
  if (!('signals' in body)) {
    const [only] = outcomes;
    if (only !== undefined && !only.ok) throw rejected(only.rejection);
  }
  return batchAnswer(outcomes.map(show));
});

type Shows = (Shown<typeof Emitted> & { readonly problem?: undefined }) | { readonly problem: ProblemDocument };

function show(outcome: SignalOutcome): Shows {
  if (!outcome.ok) return { problem: rejected(outcome.rejection).document };
  const { ok: _, ...emitted } = outcome;
  return emitted;
}

bind(signals.field, async (colony, { principal, query }) => {
  const { trails: value, complete } = await colony.signals.field(principal.tenant, query);
  return { body: { value, complete } };
});

bind(signals.trail, async (colony, { principal, params: { type, location }, query: { asOf } }) => {
  const trail = await colony.signals.trail(principal.tenant, type, location, asOf);
  if (trail !== undefined) return { body: trail, etag: trail.version };
  const when = asOf === undefined ? '' : ` by ${asOf}`;
  throw Problem.of('not-found', `Nobody has emitted ${type} at ${location}${when}.`);
});
