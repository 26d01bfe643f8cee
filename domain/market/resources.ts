/** What an agent takes of a machine, in numbers that rules can compare. */
import type { Deployment } from './agent';

const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** `cpu_millis`: thousandths of a core. Whoever asks for nothing takes nothing that is ours: 0. */
export interface Resources {
  readonly cpu_millis: number;
  readonly memory_bytes: number;
}

/** Texts such as `500m`, `1.5`; `512Mi`, `1GB`, as numbers. What can't be read as one is NaN, which keeps no limit. */
export function resourcesOf(
  { cpu, memory }: NonNullable<Deployment['resources']> = { cpu: '0', memory: '0' },
): Resources {
  const [, cores, thousandths] = /^(\d+(?:\.\d+)?)(m)?$/.exec(cpu) ?? [];
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)([KMGT]i?)?B?$/.exec(memory) ?? [];
  return {
    cpu_millis: Math.round(Number(cores) * (thousandths === undefined ? 1_000 : 1)),
    memory_bytes: Math.round(Number(amount) * (BYTES[unit] as number)),
  };
}
