/**
 * How a policy bundle comes into force: staged by one person, compared in the shadow of the one in force, activated by
 * a second person, rolled back where it turns out wrong. One stream for the whole colony, in the tenant `platform`: a
 * bundle judges the commands of all tenants.
 *
 * As long as nobody has activated one, the bundle that ships with the program is in force.
 */
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { streamName } from '../kernel/ids';
import { own } from '../kernel/own';
import { includesLevel, isSamePerson, oneKeyFor, type Principal } from '../kernel/principal';
import { isText, textRule } from '../kernel/text';
import type { Time } from '../kernel/time';
import { PLATFORM } from '../stops/stop';

/** The group of people and services who write policy: what the role `policy_author` gives. */
export const POLICY_AUTHORS = 'policy-authors';
/** How many bundles may wait for a second person at once. */
export const MAX_STAGED = 50;
/** How many activations can be rolled back, one after the other: the last ones. */
export const MAX_BEFORE = 20;
/** Longest reason, in characters. */
export const MAX_POLICY_REASON = 2_000;

/** A bundle is called by the SHA-256 of its manifest's canonical form, in hexadecimal. */
export const BUNDLE_PATTERN = /^[0-9a-f]{64}$/;

// --------------------------------------------------------------------------------------------------------- events

/** Who did it, and through whom. */
interface ByWhom {
  readonly by: string;
  readonly via?: string;
  readonly reason: string;
}

export type RolloutEvent =
  /** `bytes`: of all its files. */
  | Event<'PolicyStaged', ByWhom & { bundle: string; version: string; bytes: number }>
  | Event<'PolicyWithdrawn', ByWhom & { bundle: string }>
  /** It is asked beside the one in force, and decides nothing; `instead`: whose shadow ends with that. */
  | Event<'PolicyShadowed', ByWhom & { bundle: string; instead?: string }>
  /** `before`: what was in force until then. `urgent`: it never stood in the shadow. */
  | Event<
      'PolicyActivated',
      ByWhom & { bundle: string; version: string; before: string; staged_by: string; urgent?: true }
    >
  /** `bundle` is in force no more, `to` is again. */
  | Event<'PolicyRolledBack', ByWhom & { bundle: string; to: string }>;

// ---------------------------------------------------------------------------------------------------------- state

/** A bundle that waits for a second person. */
export interface StagedBundle extends ByWhom {
  readonly bundle: string;
  /** What its authors call it. */
  readonly version: string;
  readonly bytes: number;
  readonly at: Time;
}

/** A bundle that somebody has brought into force. */
export interface InForce extends ByWhom {
  readonly bundle: string;
  readonly since: Time;
  /** What a rollback of it goes back to; undefined where nothing is remembered. */
  readonly before?: string;
}

/** A bundle in the shadow of the one in force. */
export interface Shadowed extends ByWhom {
  readonly bundle: string;
  readonly since: Time;
}

export interface RolloutState {
  /** The last is in force, those before it are what rollbacks go back to. Empty: the one that ships is in force. */
  readonly inForce: readonly InForce[];
  /** Those that wait for a second person, by their names. */
  readonly staged: Readonly<Record<string, StagedBundle>>;
  readonly shadow?: Shadowed;
  /** What was rolled back last: whoever rolls it back again has what they want. */
  readonly rolledBack?: string;
}

export const rolloutDecider: Decider<RolloutState, RolloutEvent> = {
  category: 'policy',
  version: 1,
  initial: { inForce: [], staged: {} },
  evolve(state, event, { at }) {
    switch (event.type) {
      case 'PolicyStaged':
        return { ...state, staged: { ...state.staged, [event.data.bundle]: { ...event.data, at } } };
      case 'PolicyWithdrawn':
        return withoutStaged(state, event.data.bundle);
      case 'PolicyShadowed': {
        const { bundle, by, via, reason } = event.data;
        return { ...state, shadow: { bundle, by, via, reason, since: at } };
      }
      case 'PolicyActivated': {
        const { bundle, by, via, reason, before } = event.data;
        const { inForce, staged, shadow } = withoutStaged(state, bundle);
        const next = { bundle, by, via, reason, since: at, before };
        return { inForce: [...inForce, next].slice(-MAX_BEFORE), staged, shadow };
      }
      case 'PolicyRolledBack': {
        const { bundle, to, by, via, reason } = event.data;
        const earlier = state.inForce.slice(0, -1);
        const next = { bundle: to, by, via, reason, since: at, before: earlier.at(-1)?.before };
        return { ...state, inForce: [...earlier.slice(0, -1), next], rolledBack: bundle };
      }
    }
  },
};

function withoutStaged({ staged, shadow, ...state }: RolloutState, bundle: string): RolloutState {
  const { [bundle]: _, ...others } = staged;
  return shadow === undefined || shadow.bundle === bundle
    ? { ...state, staged: others }
    : { ...state, staged: others, shadow };
}

/** The one stream of the colony. */
export const ROLLOUT_ID = 'rollout';

export const ROLLOUT_STREAM = streamName(PLATFORM, rolloutDecider.category, ROLLOUT_ID);

/** The bundle in force. `shipped`: the name of the one that ships with the program that asks. */
export function bundleInForce({ inForce }: RolloutState, shipped: string): string {
  return inForce.at(-1)?.bundle ?? shipped;
}

/** The bundle that waits under this name, if one does. */
export function stagedBundle({ staged }: RolloutState, bundle: string): StagedBundle | undefined {
  return own(staged, bundle);
}

// ------------------------------------------------------------------------------------------------------ decisions

/** Who stages, activates or rolls back. */
export type RolloutActor = Pick<Principal, 'tenant' | 'id' | 'kind' | 'level' | 'groups' | 'via'>;

/** What is known of a bundle that was looked at: it can be loaded, and answers as it must. */
export interface CheckedBundle {
  readonly bundle: string;
  readonly version: string;
  readonly bytes: number;
}

/** Stages a bundle for a second person. The same again changes nothing, whoever asks. */
export function stage(
  { bundle, version, bytes }: CheckedBundle,
  who: RolloutActor,
  reason: string,
  shipped: string,
): Decision<RolloutState, RolloutEvent> {
  return (state) => {
    const wrong = authorProblem(who) ?? reasonProblem(reason);
    if (wrong !== undefined) return wrong;
    if (stagedBundle(state, bundle) !== undefined) return [];
    if (bundleInForce(state, shipped) === bundle)
      return refuse('policy-in-force', `the bundle ${bundle} is in force already: there is nothing to stage`);
    if (Object.keys(state.staged).length >= MAX_STAGED)
      return refuse('policies-full', `${MAX_STAGED} bundles are staged already: withdraw one of them`);
    return [{ type: 'PolicyStaged', v: 1, data: { bundle, version, bytes, ...byWhom(who, reason) } }];
  };
}

/** Takes a staged bundle back, out of the shadow too. Nothing happens where it is not staged. */
export function withdraw(bundle: string, who: RolloutActor, reason: string): Decision<RolloutState, RolloutEvent> {
  return (state) => {
    const wrong = authorProblem(who) ?? reasonProblem(reason);
    if (wrong !== undefined) return wrong;
    if (stagedBundle(state, bundle) === undefined) return [];
    return [{ type: 'PolicyWithdrawn', v: 1, data: { bundle, ...byWhom(who, reason) } }];
  };
}

/** Puts a staged bundle in the shadow of the one in force, instead of whatever stands there. */
export function shadow(bundle: string, who: RolloutActor, reason: string): Decision<RolloutState, RolloutEvent> {
  return (state) => {
    const wrong = authorProblem(who) ?? reasonProblem(reason);
    if (wrong !== undefined) return wrong;
    if (stagedBundle(state, bundle) === undefined) return notStaged(bundle);
    const instead = state.shadow?.bundle;
    if (instead === bundle) return [];
    return [{ type: 'PolicyShadowed', v: 1, data: { bundle, instead, ...byWhom(who, reason) } }];
  };
}

export interface Activation {
  readonly bundle: string;
  /** Activate it though it never stood in the shadow. */
  readonly urgent: boolean;
  readonly reason: string;
}

/** Brings a staged bundle into force. It takes a second person: not the one who staged it, under whatever spelling. */
export function activate(
  { bundle, urgent, reason }: Activation,
  who: RolloutActor,
  shipped: string,
): Decision<RolloutState, RolloutEvent> {
  return (state) => {
    const wrong = personProblem(who) ?? reasonProblem(reason);
    if (wrong !== undefined) return wrong;
    const waiting = stagedBundle(state, bundle);
    const before = bundleInForce(state, shipped);
    if (waiting === undefined) return before === bundle ? [] : notStaged(bundle);
    if (isSamePerson(who, { id: waiting.by, via: waiting.via }))
      return refuse(
        'second-person-activates',
        `${waiting.by} has staged it${oneKeyFor(who, { id: waiting.by })}: somebody else has to activate it`,
        {
          staged_by: waiting.by,
        },
      );
    const isShadowed = state.shadow?.bundle === bundle;
    if (!isShadowed && !urgent)
      return refuse(
        'policy-not-shadowed',
        'it never stood in the shadow of the one in force: put it there first, or say that it is urgent',
      );
    const { version, by: staged_by } = waiting;
    const data = { bundle, version, before, staged_by, ...(isShadowed ? {} : { urgent: true as const }) };
    return [{ type: 'PolicyActivated', v: 1, data: { ...data, ...byWhom(who, reason) } }];
  };
}

/**
 * Goes back from the bundle in force to the one before it. One person is enough: two have brought that one into force,
 * or it shipped. Whoever rolls back what was rolled back just now changes nothing.
 */
export function rollBack(bundle: string, who: RolloutActor, reason: string): Decision<RolloutState, RolloutEvent> {
  return (state) => {
    const wrong = personProblem(who) ?? reasonProblem(reason);
    if (wrong !== undefined) return wrong;
    const active = state.inForce.at(-1);
    if (active?.bundle !== bundle)
      return state.rolledBack === bundle
        ? []
        : refuse('policy-not-in-force', `the bundle ${bundle} is not in force: look which one is`, {
            in_force: active?.bundle,
          });
    if (active.before === undefined)
      return refuse('policy-nothing-before', 'nothing is remembered that was in force before it: activate another one');
    return [{ type: 'PolicyRolledBack', v: 1, data: { bundle, to: active.before, ...byWhom(who, reason) } }];
  };
}

function byWhom({ id: by, via }: RolloutActor, reason: string): ByWhom {
  return { by, via, reason };
}

function notStaged(bundle: string): Rejection {
  return refuse('policy-not-staged', `no bundle ${bundle} is staged: stage it first`);
}

/** Why somebody has no part in the roll-out of policy, if so. */
export function authorProblem({ tenant, kind, level, groups = [] }: RolloutActor): Rejection | undefined {
  if (tenant !== PLATFORM)
    return new Rejection(
      'forbidden',
      'platform-decides',
      `a bundle judges the commands of all tenants: people of the tenant ${PLATFORM} alone decide on it`,
    );
  const isEntitled = groups.includes(POLICY_AUTHORS) || includesLevel(level, 'critical');
  return (kind === 'human' || kind === 'service') && isEntitled
    ? undefined
    : new Rejection(
        'forbidden',
        'policy-author-needed',
        `that takes a policy author (group ${POLICY_AUTHORS}) or an administrator (level critical), and no agent`,
      );
}

function personProblem(who: RolloutActor): Rejection | undefined {
  const wrong = authorProblem(who);
  if (wrong !== undefined || who.kind === 'human') return wrong;
  return new Rejection('forbidden', 'person-activates', 'people alone bring a bundle into force: sign in as one');
}

function reasonProblem(reason: string): Rejection | undefined {
  return isText(reason, MAX_POLICY_REASON)
    ? undefined
    : new Rejection('invalid', 'reason-invalid', textRule('reason', MAX_POLICY_REASON));
}
