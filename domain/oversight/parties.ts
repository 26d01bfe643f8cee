/**
 * Parties: whoever has a part in what is decided. A party never settles it, at no door; what each may not do stands in
 * one table, and every door of a round, an approval, an action or an award asks `barred` with the parties that stand in
 * its own state.
 *
 * Two decisions are told apart. Whether an action may be taken, or what a question comes to: there the proposer or the
 * opener is a party. Whether a challenge is right: there the challenger is one, and on the other side whoever holds,
 * proposed, changed or cleared what is doubted.
 */
import { Rejection } from '../kernel/decider';
import { actorOf, isPersonId, isSameActor, OWNER, type Principal } from '../kernel/principal';
import type { ActionState } from './action';
import type { ApprovalState } from './approval';
import type { Electorate } from './consensus';
import type { RoundState } from './round';

/**
 * `proposer` of an action, or poster of the task that waits for it; `opener` of a question; `requester` of an approval;
 * `challenger`; `holder` of a challenged award; `editor` who changed what is challenged; `decider` who had another part
 * in it.
 */
export const ROLES = ['proposer', 'opener', 'requester', 'challenger', 'holder', 'editor', 'decider'] as const;
export type Role = (typeof ROLES)[number];

export interface Party {
  /** Of the principal. */
  readonly id: string;
  readonly role: Role;
  /** In whose name, where the part is that one's: by a token that this party gave, or by its key. */
  readonly speaks_for?: string;
}

/**
 * What a party may want to do: `vote` in the round; `cancel` a round that something waits for; `override` a round;
 * `decide` an approval, which is to approve, edit, reject, claim or ask; `allow` an action as a person; `stop` it by a
 * veto or an override; `challenge` it. To hand a challenged award on or to give it back is no door: the verdict meets
 * what stands then.
 */
export const DOORS = ['vote', 'cancel', 'override', 'decide', 'allow', 'stop', 'challenge'] as const;
export type Door = (typeof DOORS)[number];

/** Most parties of one decision; of more, those that come first are kept. */
export const MAX_PARTIES = 100;

/**
 * What each role may not do. Who proposed an action may stop it: that is to withdraw it. Who opened a question may have
 * a vote in it where the electorate says so, and may call it off: nothing waits for it.
 */
const MAY_NOT: Readonly<Record<Role, readonly Door[]>> = {
  proposer: ['vote', 'cancel', 'override', 'decide', 'allow', 'challenge'],
  opener: ['override', 'decide'],
  requester: ['decide'],
  challenger: ['vote', 'cancel', 'override', 'decide', 'allow', 'stop'],
  holder: ['vote', 'cancel', 'override', 'decide', 'challenge'],
  editor: ['vote', 'cancel', 'override', 'decide'],
  decider: ['vote', 'cancel', 'override', 'decide'],
};

const PART: Readonly<Record<Role, string>> = {
  proposer: 'proposed this action',
  opener: 'opened this round',
  requester: 'requested this approval',
  challenger: 'challenged this',
  holder: 'got the award that is challenged',
  editor: 'changed what is challenged',
  decider: 'had a part in what is challenged',
};

/**
 * Why `who`, under whatever name, may not go through this door, or undefined: the one question that every door asks
 * about parties. In whose name somebody acts is of no help: what a service or an agent does by a party's token, that
 * party does. By the owner's key everybody acts under the name that they say, and a gateway hands on what its agents
 * decide.
 * @param via who speaks in that name
 */
export function barred(parties: readonly Party[], who: string, door: Door, via?: string): Rejection | undefined {
  const name = via?.toLowerCase();
  const speaker = name === undefined || name === OWNER || !isPersonId(name) ? undefined : name;
  const part = parties.find(
    ({ id, role }) => MAY_NOT[role].includes(door) && (isSameActor(id, who) || id.toLowerCase() === speaker),
  );
  if (part === undefined) return undefined;
  const code =
    part.role === 'proposer' || part.role === 'requester' ? 'requester-may-not-decide' : 'party-may-not-decide';
  const { id, role, speaks_for } = part;
  const self = isSameActor(id, who) ? 'you' : `${id}, who speaks for you,`;
  const subject = speaks_for === undefined ? self : `${speaks_for}, in whose name you act or gave it its token,`;
  return new Rejection('forbidden', code, `${subject} ${PART[role]}: somebody without a part in it has to decide`, {
    role,
    door,
    ...(speaks_for !== undefined && { speaks_for }),
  });
}

/**
 * What a challenge doubts, as its streams say: an award's holder; an action with its approval; what a round came to.
 */
export interface Doubted {
  readonly holder?: string;
  readonly action?: ActionState;
  readonly approval?: ApprovalState;
  readonly round?: RoundState;
}

/**
 * Who has a part in whether a challenge is right: who makes it; who holds, proposed or changed what is doubted; who let
 * it on.
 */
export function challengeParties(
  challenger: Pick<Principal, 'id' | 'via'>,
  { holder, action, approval, round }: Doubted,
): Party[] {
  const parties: Party[] = [];
  const part = (role: Role, { id, via }: { readonly id?: string; readonly via?: string }) => {
    if (id !== undefined) parties.push(...partOf(role, { id, via }));
  };
  part('challenger', challenger);
  part('holder', { id: holder });
  part('proposer', { id: action?.proposal?.proposed_by, via: action?.proposal?.proposed_via });
  for (const { by, via } of action?.challenges ?? []) part('challenger', { id: by, via });
  for (const id of approval?.editors ?? []) part('editor', { id });
  const deciders = [action?.override, approval?.rejected, ...(approval?.given ?? []), round?.override];
  for (const decider of deciders) part('decider', { id: decider?.by });
  for (const party of round?.parties ?? [])
    parties.push(party.role === 'opener' ? { ...party, role: 'decider' } : party);
  return eachOnce(parties);
}

/**
 * The part of somebody, and of whoever speaks in their name: nobody decides what was asked by their key, or by a
 * service with a token of theirs. An agent with a token of its own speaks for itself, whoever gave it one.
 */
export function partOf(role: Role, { id, via }: Pick<Principal, 'id' | 'via'>): Party[] {
  return via === undefined
    ? [{ id, role }]
    : [
        { id, role },
        { id: via, role, speaks_for: id },
      ];
}

/** The part of whoever opens a round in what it decides. */
export function openerRole(isChallenge: boolean): Role {
  return isChallenge ? 'challenger' : 'opener';
}

/** Each party once in each role, in the order in which they come, at most `MAX_PARTIES`. */
export function eachOnce(parties: readonly Party[]): Party[] {
  const known = new Map(parties.map((party) => [`${party.role} ${party.id}`, party]));
  return [...known.values()].slice(0, MAX_PARTIES);
}

/**
 * The electorate without those who may not vote in it. A vote that was to be handed on to one of them stays with its
 * voter; a group that loses its last voter is left out. What remains may be no valid electorate: see
 * `electorateProblems`.
 */
export function withoutParties<E extends Pick<Electorate, 'voters' | 'groups'>>(
  electorate: E,
  parties: readonly Party[],
): E {
  const barredActors = new Set(
    parties.filter(({ role }) => MAY_NOT[role].includes('vote')).map(({ id }) => actorOf(id)),
  );
  const out = new Set(electorate.voters.map(({ id }) => id).filter((id) => barredActors.has(actorOf(id))));
  if (out.size === 0) return electorate;
  const voters = electorate.voters
    .filter(({ id }) => !out.has(id))
    .map(({ delegate_to, ...voter }) =>
      delegate_to === undefined || out.has(delegate_to) ? voter : { ...voter, delegate_to },
    );
  const groups = electorate.groups?.filter(({ id }) => voters.some(({ group }) => group === id));
  return groups === undefined ? { ...electorate, voters } : { ...electorate, voters, groups };
}
