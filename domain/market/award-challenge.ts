/**
 * Challenges of a task's awards, as the task's stream remembers them. Each is about one award, and follows it when its
 * holder hands the task on; it is open until its round has a verdict, or until a time of its own: then the award goes
 * on.
 */
import { earliest, plusSeconds, type Time } from '../kernel/time';
import type { Claim } from './task';

/** How often the awards of one task may be challenged. */
export const MAX_CHALLENGES = 20;
/** How long one stands whose receipt doesn't say: older ones, which also held the award's acceptance. */
const OLDER_SECONDS = 3 * 3_600;

/** As it is written when somebody doubts an award. */
export interface AwardChallenge {
  readonly award: number;
  readonly by: string;
  /** Who speaks in that name. */
  readonly via?: string;
  /** Id of the round that decides on it. */
  readonly round: string;
  readonly reason: string;
  /** The receipt that is doubted, `stream@index`; older receipts don't say. */
  readonly target?: string;
  /** Without a verdict by then the award goes on; older receipts don't say. */
  readonly until?: Time;
  /** True when the award is not accepted before it is decided; older receipts don't say, and held it. */
  readonly holds?: boolean;
}

export interface ChallengedAward extends AwardChallenge {
  /** Whose award is doubted. */
  readonly agent: string;
  /** Whoever has held it since it was challenged, that agent first. */
  readonly holders: readonly string[];
  readonly until: Time;
  /** When that was set. */
  readonly since: Time;
  readonly holds: boolean;
  /** The award itself, or the last that came of it by hand-offs. */
  readonly heir: number;
  readonly status: (typeof CHALLENGE_STATUSES)[number];
}

/** `lapsed`: it had no verdict by its time. */
export const CHALLENGE_STATUSES = ['open', 'dismissed', 'lapsed', 'upheld'] as const;

/** Whoever holds the time of a challenge, or decides on it, was away: what was left of it is left again. */
export interface ChallengeTime {
  readonly round: string;
  readonly until: Time;
  readonly extended_at: Time;
}

type Challenges = readonly ChallengedAward[];

export function challenged(challenges: Challenges, challenge: AwardChallenge, agent: string, at: Time): Challenges {
  const { award, until = plusSeconds(at, OLDER_SECONDS), holds = true } = challenge;
  return [
    ...challenges,
    { ...challenge, agent, holders: [agent], until, since: at, holds, heir: award, status: 'open' },
  ];
}

/** What holds of an award holds of the one that it is handed on as. */
export function handedOn(challenges: Challenges, from: number, to: Claim): Challenges {
  return challenges.map((one) =>
    one.heir === from ? { ...one, heir: to.award, holders: [...new Set([...one.holders, to.agent])] } : one,
  );
}

export function settled(challenges: Challenges, round: string, status: ChallengedAward['status']): Challenges {
  return challenges.map((one) => (one.round === round ? { ...one, status } : one));
}

/** Whoever holds its time was away: what was left of it is left again. */
export function extended(challenges: Challenges, round: string, until: Time, at: Time): Challenges {
  return challenges.map((one) => (one.round === round ? { ...one, until, since: at } : one));
}

/** The open challenge of an award, or of the one that it came of. */
export function openChallenge(challenges: Challenges, award: number | undefined): ChallengedAward | undefined {
  return challenges.find(({ status, heir }) => status === 'open' && heir === award);
}

/** True while the award may not be accepted. */
export function isHeld(challenges: Challenges, award: number | undefined): boolean {
  return openChallenge(challenges, award)?.holds === true;
}

/** Those whose time is over. */
export function overdue(challenges: Challenges, now: Time): Challenges {
  return challenges.filter(({ status, until }) => status === 'open' && until <= now);
}

/** When the first open one is over. */
export function challengeDue(challenges: Challenges): Time | undefined {
  return earliest(...challenges.map(({ status, until }) => (status === 'open' ? until : undefined)));
}

/** True when an upheld challenge takes this award away: it is the doubted one, came of it, or is the same agent's. */
export function concerns(challenge: ChallengedAward, { agent, award }: Claim): boolean {
  return challenge.heir === award || challenge.agent === agent;
}
