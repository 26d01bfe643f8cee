/**
 * Signals a second: one at a time from many callers, on as many trails; in batches; and both over HTTP. The first two
 * in this process, until the view of the field has followed.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Colony } from '../app/colony';
import type { SignalInput } from '../app/signals/signals';
import { Formicary } from '../client/client';
import { freePort, HostProcess } from '../samples/demo/host-process';
import { agentId, agentOf, openBenchColony } from './colony';
import { rateOf } from './measure';

export interface SignalSettings {
  readonly seconds: number;
  readonly trails: number;
  /** Signals in the log before the first measurement; then ten times as many. */
  readonly length: number;
}

export interface SignalRate {
  /** Acknowledged; the clock stops when the view has followed. */
  readonly perSecond: number;
  readonly p99Ms: number;
}

export interface SignalReport {
  readonly inProcess: readonly { readonly commits: number; readonly single: SignalRate; readonly batch: SignalRate }[];
  readonly http: { readonly single: SignalRate; readonly batch: SignalRate };
}

const SINGLE_CALLERS = 256;
const HTTP_CALLERS = 64;
const BATCH = 1_000;
const BATCH_CALLERS = 4;

export async function benchSignals(folder: string, settings: SignalSettings): Promise<SignalReport> {
  const data = join(folder, 'signals');
  const { seconds, trails, length } = settings;
  let next = 0;
  const signal = (): SignalInput => ({
    type: 'resource_needed',
    location: `warehouse/dock-${(next = (next * 48_271 + 1) % 2_147_483_647) % trails}`,
    strength: 0.5,
    decay_rate: 0.1,
  });
  const batch = (): SignalInput[] => Array.from({ length: BATCH }, signal);

  const colony = await openBenchColony(data);
  const inProcess: SignalReport['inProcess'][number][] = [];
  try {
    let emitted = 0;
    for (const target of [length, length * 10]) {
      for (; emitted < target; emitted += BATCH) ok(await colony.signals.emit(agentOf(agentId(0)), batch()));
      await colony.feed.settled();
      const single = await settledRate(colony, SINGLE_CALLERS, seconds, async (caller) =>
        ok(await colony.signals.emit(agentOf(agentId(caller)), [signal()])),
      );
      const many = await settledRate(colony, BATCH_CALLERS, seconds, async (caller) =>
        ok(await colony.signals.emit(agentOf(agentId(caller)), batch())),
      );
      inProcess.push({ commits: Number(await colony.ports.store.end()), single, batch: many });
    }
  } finally {
    await colony.stop();
    rmSync(data, { recursive: true, force: true });
  }

  // Every caller is a principal of its own; the limit of the rate is not what is measured.
  const host = new HostProcess({
    data,
    port: await freePort(),
    environment: { FORMICARY_RATE: '1000000', FORMICARY_BURST: '1000000' },
  });
  const client = new Formicary({ url: host.url });
  try {
    await host.start();
    const callers = Array.from({ length: HTTP_CALLERS }, (_, n) => client.as(agentId(n)));
    const single = await rateOf(
      HTTP_CALLERS,
      seconds,
      async (caller) => void (await (callers[caller] as Formicary).signals.emit(signal(), { idempotencyKey: false })),
    );
    const many = await rateOf(BATCH_CALLERS, seconds, async (caller) => {
      const answers = await (callers[caller] as Formicary).signals.emitMany(batch(), { idempotencyKey: false });
      const refused = answers.find(({ problem }) => problem !== undefined);
      if (refused !== undefined) throw new Error(refused.problem?.detail);
      return answers.length;
    });
    return {
      inProcess,
      http: {
        single: { perSecond: single.perSecond, p99Ms: single.ms.p99 },
        batch: { perSecond: many.perSecond, p99Ms: many.ms.p99 },
      },
    };
  } finally {
    client.close();
    await host.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

async function settledRate(
  colony: Colony,
  callers: number,
  seconds: number,
  work: (caller: number) => Promise<number>,
): Promise<SignalRate> {
  const started = performance.now();
  const { count, ms } = await rateOf(callers, seconds, work);
  await colony.feed.settled();
  return { perSecond: (count * 1000) / (performance.now() - started), p99Ms: ms.p99 };
}

function ok(outcomes: Awaited<ReturnType<Colony['signals']['emit']>>): number {
  for (const outcome of outcomes) if (!outcome.ok) throw new Error(outcome.rejection.message);
  return outcomes.length;
}
