/** What follows from an action at the gate: its next step, and what doubt of it still lacks. */
import { commitRef } from '../../domain/kernel/ids';
import { actionDecider, type ActionEvent } from '../../domain/oversight/action';
import type { Cause } from '../engine/command';
import { type Change, eventsOf, typesOf } from '../engine/reacting';
import type { OversightServices } from './services';

/** What may settle a challenge. */
const SETTLES = ['ChallengeDismissed', 'ActionRefused', 'ActionVetoed', 'ActionOverridden', 'CompensationDue'] as const;

export class ActionReactions {
  constructor(private readonly services: OversightServices) {}

  async react(change: Change): Promise<void> {
    const { stream, tenant, cause } = change;
    const { transactor, actions, challenges, notifier, orchestrated } = this.services;
    await actions.advance(stream, await this.newest(change));
    const { state } = await transactor.load(actionDecider, stream);
    const types = typesOf<ActionEvent>(change);
    for (const { commit, event } of eventsOf<ActionEvent>(change)) {
      if (event.type !== 'ActionChallenged' || event.data.round !== state.challenge?.round) continue;
      const made = { target: commitRef(stream, 0), ...state.challenge };
      await challenges.resume(stream, made, commit.meta.actor.kind, cause);
    }
    if (SETTLES.some((type) => types.has(type))) {
      const settled = state.challenges.filter(({ round }) => round !== state.challenge?.round);
      await challenges.settled(tenant, settled, cause);
    }
    if (types.has('VetoWindowOpened') && state.status === 'veto_window') {
      orchestrated.start(stream);
      await notifier.vetoWindowOpened(stream, state, cause);
    } else if (types.has('ActionVetoed') || types.has('ActionOverridden') || types.has('ActionCleared'))
      orchestrated.wake(stream);
  }

  /** What the state has come to by now, as the cause of its next step: a reaction may come later than what follows. */
  private async newest({ stream, tenant, commits, cause }: Change): Promise<Cause> {
    const { transactor } = this.services;
    const { version } = await transactor.load(actionDecider, stream);
    if (version <= (commits.at(-1)?.index ?? version)) return cause;
    return (await transactor.cause(tenant, commitRef(stream, version))) ?? cause;
  }
}
