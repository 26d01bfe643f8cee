/** Carries out the attempts, and counts what came of them. */
import { type Area, AREAS, type ControlResult, type Family, type Hearing, type Result } from './attempt';
import { FAMILIES } from './families';
import type { World } from './world';

export interface Count {
  readonly attempts: number;
  readonly successes: number;
  /** Refused otherwise than expected: to be looked at, and no proof. */
  readonly otherwise: number;
}

export interface AttackReport extends Count {
  readonly profile: string;
  readonly controls: number;
  readonly failedControls: number;
  readonly byArea: Readonly<Partial<Record<Area, Count>>>;
  readonly seconds: number;
  readonly results: readonly Result[];
  readonly controlResults: readonly ControlResult[];
}

/** Those of some areas, or of all. */
export function familiesOf(areas: readonly Area[] = AREAS): readonly Family[] {
  return FAMILIES.filter(({ area }) => areas.includes(area));
}

/** @param heard hears of each result as it comes */
export async function attack(
  world: World,
  families: readonly Family[],
  { profile, heard }: { readonly profile: string; readonly heard?: Partial<Hearing> },
): Promise<AttackReport> {
  const started = performance.now();
  const results: Result[] = [];
  const controlResults: ControlResult[] = [];
  for (const family of families)
    await family.run(world, {
      attempt(result) {
        results.push(result);
        heard?.attempt?.(result);
      },
      control(result) {
        controlResults.push(result);
        heard?.control?.(result);
      },
    });
  const areas = [...new Set(families.map(({ area }) => area))];
  return {
    profile,
    ...countOf(results),
    controls: controlResults.length,
    failedControls: controlResults.filter(({ good }) => !good).length,
    byArea: Object.fromEntries(areas.map((area) => [area, countOf(results.filter((result) => result.area === area))])),
    seconds: Math.round((performance.now() - started) / 100) / 10,
    results,
    controlResults,
  };
}

/** Nothing has succeeded, everything was refused as it must be, and everything could have been done legitimately. */
export function holds({ attempts, successes, otherwise, failedControls }: AttackReport): boolean {
  return attempts > 0 && successes === 0 && otherwise === 0 && failedControls === 0;
}

function countOf(results: readonly Result[]): Count {
  const count = (verdict: Result['verdict']) => results.filter((result) => result.verdict === verdict).length;
  return { attempts: results.length, successes: count('succeeded'), otherwise: count('otherwise') };
}
