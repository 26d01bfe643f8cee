/** How the voters of the bench vote: four of five for it, so that a round is decided shortly before its last votes. */
export function ballotOf(voter: number): {
  readonly choice: string;
  readonly confidence: number;
  readonly reasoning: string;
} {
  const against = voter % 5 === 4;
  return {
    choice: against ? 'reject' : 'approve',
    confidence: 0.9,
    reasoning: against
      ? 'an hour is too long for what it brings'
      : 'the bearing is hot, and an hour now saves a day later',
  };
}
