/** The roll-out as the API shows it. */
import type { Policy, PolicyBundle } from '../../contract/policy/policy';
import type { Shown } from '../../contract/route';
import type { PolicyBundle as Bundle } from '../../domain/policy/asking';
import type { InForce, RolloutState, StagedBundle } from '../../domain/policy/rollout';

type BundleShown = Shown<typeof PolicyBundle>;

/** What this process has of the bundle in force. */
export interface InProcess {
  readonly current: Pick<Bundle, 'hash' | 'manifest'>;
  readonly shipped: string;
  readonly trouble: string | undefined;
}

export function policyAnswer(state: RolloutState, { current, shipped, trouble }: InProcess): Shown<typeof Policy> {
  const { name, revision, entrypoints } = current.manifest;
  return {
    in_force: inForceAnswer(state.inForce.at(-1), shipped),
    revision: trouble === undefined ? `${name} ${revision}` : undefined,
    shipped,
    shadow: state.shadow?.bundle,
    entrypoints,
    trouble,
  };
}

/** All of them: the one in force, the one in the shadow, those staged, what rollbacks go back to, latest first. */
export function bundlesIn(state: RolloutState, shipped: string): readonly BundleShown[] {
  const staged = Object.values(state.staged)
    .map((bundle) => stagedAnswer(state, bundle))
    .sort((a, b) => (a.status === b.status ? 0 : a.status === 'shadow' ? -1 : 1));
  const before = state.inForce.map(({ before: bundle }) => bundle).filter((bundle) => bundle !== undefined);
  return [
    inForceAnswer(state.inForce.at(-1), shipped),
    ...staged,
    ...before.reverse().map((bundle) => ({ bundle, status: 'before' as const })),
  ];
}

function stagedAnswer({ shadow }: RolloutState, staged: StagedBundle): BundleShown {
  const { bundle, version, bytes, at: since, by, via, reason } = staged;
  return shadow?.bundle === bundle
    ? { version, bytes, ...shadow, status: 'shadow' }
    : { bundle, status: 'staged', version, bytes, since, by, via, reason };
}

function inForceAnswer(inForce: InForce | undefined, shipped: string): BundleShown {
  if (inForce === undefined) return { bundle: shipped, status: 'in_force' };
  const { bundle, since, by, via, reason } = inForce;
  return { bundle, status: 'in_force', since, by, via, reason };
}
