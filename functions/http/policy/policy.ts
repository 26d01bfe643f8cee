/** `/v1/policy`: which bundle of rules judges every command, how another comes into force, and what it would change. */
import type { Colony } from '../../../app/colony';
import type { RolloutOutcome } from '../../../app/policy/rollout';
import { policy } from '../../../contract/policy/policy';
import { Rejection } from '../../../domain/kernel/decider';
import { bind } from '../../bind';
import { commanded, listed } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { Problem, rejected } from '../../edge/problem';
import { accepted } from '../../runtime';

type Policy = NonNullable<Colony['policy']>;

/** What rolls bundles out: every host has it. */
function rollingOut({ policy: found }: Colony): Policy {
  if (found === undefined) throw Problem.of('not-found', 'Here a policy is asked that stays as it is.');
  return found;
}

function found<T>(answer: T | Rejection): T {
  if (answer instanceof Rejection) throw rejected(answer);
  return answer;
}

function steered({ rollout }: Policy, outcome: RolloutOutcome) {
  const done = accepted(outcome);
  return commanded(done, { policy: rollout.answer(done.state) });
}

bind(policy.get, async (colony) => {
  const { rollout } = rollingOut(colony);
  const { state, version } = await rollout.load();
  return { body: rollout.answer(state), etag: version < 0 ? undefined : version };
});

bind(policy.list, async (colony, call) => {
  const { rollout } = rollingOut(colony);
  return await listed(call, async (_, __, ...page) => found(await rollout.list(call.principal, ...page)));
});

bind(policy.stage, async (colony, call) => {
  const { rollout } = rollingOut(colony);
  const { files, reason } = call.body;
  const bytes = {
    'policy.wasm': Buffer.from(files['policy.wasm'], 'base64'),
    'data.json': Buffer.from(files['data.json'], 'base64'),
    'manifest.json': Buffer.from(files['manifest.json'], 'base64'),
  };
  const { outcome, bundle } = await rollout.stage(contextOf(call), bytes, reason);
  const done = accepted(outcome);
  return commanded(done, { bundle, policy: rollout.answer(done.state) });
});

bind(policy.withdraw, async (colony, call) => {
  const rolling = rollingOut(colony);
  return steered(rolling, await rolling.rollout.withdraw(contextOf(call), call.params.bundle, call.body.reason));
});

bind(policy.shadow, async (colony, call) => {
  const rolling = rollingOut(colony);
  return steered(rolling, await rolling.rollout.shadow(contextOf(call), call.params.bundle, call.body.reason));
});

bind(policy.activate, async (colony, call) => {
  const rolling = rollingOut(colony);
  return steered(rolling, await rolling.rollout.activate(contextOf(call), { ...call.params, ...call.body }));
});

bind(policy.rollBack, async (colony, call) => {
  const rolling = rollingOut(colony);
  return steered(rolling, await rolling.rollout.rollBack(contextOf(call), call.params.bundle, call.body.reason));
});

bind(policy.shadowed, async (colony, { principal }) => ({
  body: { shadow: found(await rollingOut(colony).shadow.result(principal)) },
}));

bind(policy.diff, async (colony, { principal, params, body, gone }) => ({
  body: found(await rollingOut(colony).past.diff(principal, params.bundle, body.last, gone)),
}));

bind(policy.explain, async (colony, { principal: { tenant }, query }) => ({
  body: found(await rollingOut(colony).past.explain(tenant, query.receipt)),
}));
