/**
 * Keys × streams × restarts: whatever comes again under an Idempotency-Key, in whichever process, beside whatever else,
 * is done once and answered alike; and another request under that key does nothing.
 */
import fc from 'fast-check';
import { commitRef } from '../../domain/kernel/ids';
import { as, type Process, Stage, TENANT } from '../support/stage';

const LOCATIONS = ['yard', 'dock'];
const PRINCIPALS = ['ann', 'bob'];

interface Request {
  readonly principal: number;
  readonly key: number;
  /** A signal at a place, of a strength; the strengths are two requests to one stream. */
  readonly location: number;
  readonly strength: number;
  readonly on: number;
}

type Step =
  | ({ readonly do: 'ask'; readonly times: number } & Request)
  /** The same key for two requests at the same moment. */
  | { readonly do: 'race'; readonly one: Request; readonly other: Request }
  /** So many commits of others in the stream: snapshots are written. */
  | { readonly do: 'grow'; readonly location: number; readonly commits: number }
  | { readonly do: 'restart'; readonly all: boolean };

const request = fc.record({
  principal: fc.nat(1),
  key: fc.nat(3),
  location: fc.nat(1),
  strength: fc.nat(1),
  on: fc.nat(1),
});
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .tuple(request, fc.integer({ min: 1, max: 3 }))
        .map(([asked, times]): Step => ({ do: 'ask', times, ...asked })),
    },
    {
      weight: 3,
      arbitrary: fc.tuple(request, request).map(([one, other]): Step => ({
        do: 'race',
        one,
        other: { ...other, principal: one.principal, key: one.key },
      })),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('grow' as const),
        location: fc.nat(1),
        commits: fc.constantFrom(1, 40, 300),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('restart' as const), all: fc.boolean() }) },
  ),
  { maxLength: 40 },
);

const textOf = ({ location, strength }: Request) => `${LOCATIONS[location]} ${strength}`;
const REUSED = 'reused';

class Run {
  private readonly stage = new Stage({ shared: true });
  /** The request that each key belongs to, and its receipt. */
  private readonly first = new Map<string, { text: string; receipt: string }>();

  async play(all: readonly Step[]): Promise<void> {
    try {
      await this.stage.start();
      await this.stage.start();
      for (const step of all) await this.step(step);
      this.check();
    } finally {
      await this.stage.end();
    }
  }

  private async step(step: Step): Promise<void> {
    switch (step.do) {
      case 'ask': {
        const answers = await Promise.all(
          Array.from({ length: step.times }, (_, i) => this.ask({ ...step, on: step.on + i })),
        );
        for (const answer of answers) this.expectAnswer(step, answer);
        return;
      }
      case 'race': {
        const answers = await Promise.all([this.ask(step.one), this.ask(step.other)]);
        // Which of the two was first is open, unless the key had a request before.
        const known = this.first.has(this.keyOf(step.one));
        const order = known || answers[0] !== REUSED ? [0, 1] : [1, 0];
        for (const i of order) this.expectAnswer([step.one, step.other][i] as Request, answers[i] as string);
        return;
      }
      case 'grow':
        for (let i = 0; i < step.commits; i += 1)
          await this.on(i).colony.signals.emit(as('other'), [
            { type: 'noise', location: LOCATIONS[step.location] as string, strength: 0.1, decay_rate: 0.01 },
          ]);
        return;
      case 'restart':
        for (const process of step.all ? this.stage.living : [this.on(0)]) process.kill();
        while (this.stage.living.length < 2) await this.stage.start();
    }
  }

  /**
   * As the edge does it: the key first, then the command under it. Answers the receipt, or that the key is another's.
   */
  private async ask(asked: Request): Promise<string> {
    const { colony } = this.on(asked.on);
    const key = `k${asked.key}`;
    const principal = PRINCIPALS[asked.principal] as string;
    const text = textOf(asked);
    const claimed = await colony.keys.claim({
      tenant: TENANT,
      principal,
      key,
      request: text,
      at: this.stage.clock.now(),
    });
    if (claimed.request !== text) return REUSED;
    const signal = {
      type: 'noise',
      location: LOCATIONS[asked.location] as string,
      strength: asked.strength === 0 ? 0.2 : 0.4,
      decay_rate: 0.01,
    };
    const context = { ...as(principal), command: { key, hash: text } };
    const [outcome] = await colony.signals.emit(context, [signal]);
    await claimed.kept;
    if (outcome?.ok !== true)
      throw outcome === undefined ? new Error('no answer') : new Error(outcome.rejection.message);
    return commitRef(outcome.stream, outcome.version);
  }

  private expectAnswer(asked: Request, answer: string): void {
    const name = this.keyOf(asked);
    const known = this.first.get(name);
    if (known === undefined) {
      expect(answer).not.toBe(REUSED);
      this.first.set(name, { text: textOf(asked), receipt: answer });
    } else expect(answer).toBe(known.text === textOf(asked) ? known.receipt : REUSED);
  }

  private check(): void {
    const made = this.stage.log().filter(({ meta }) => meta.commandId !== undefined);
    expect(made.map(({ stream, index }) => commitRef(stream, index)).sort()).toEqual(
      [...this.first.values()].map(({ receipt }) => receipt).sort(),
    );
    expect(this.stage.chainFaults()).toEqual([]);
  }

  private keyOf({ principal, key }: Request): string {
    return `${principal} ${key}`;
  }

  private on(process: number): Process {
    const { living } = this.stage;
    return living[process % living.length] as Process;
  }
}

test('done once, answered alike, whatever comes between', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => await new Run().play(all)),
    { numRuns: 40, interruptAfterTimeLimit: 120_000, markInterruptAsFailure: true },
  );
}, 180_000);
