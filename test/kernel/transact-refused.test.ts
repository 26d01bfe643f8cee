/** Commands that a policy, a store or an altered receipt stands in the way of. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cause } from '../../app/engine/command';
import { StoreBusy } from '../../app/engine/ports';
import { StoreUnavailable } from '../../app/engine/reachable';
import type { Transactor } from '../../app/engine/transact';
import { denialStream } from '../../domain/audit/denial';
import { AlteredReceipt, sha256 } from '../../domain/kernel/commit';
import { EPOCH, range } from '../support/commits';
import { FaultyEventStore, scriptedFaults, StoreFault } from '../support/faults';
import { MemoryEventStore } from '../support/memory-store';
import {
  accepted,
  add,
  AGENT,
  ALLOW,
  asking,
  keyed,
  ManualClock,
  refused,
  ScriptedPolicy,
  STREAM,
  take,
  tally,
  transactorOn,
  verified,
} from '../support/transacting';

describe('a receipt that was altered', () => {
  const OTHER = 'acme/tally/2';
  const ALTERATIONS: readonly [string, (entries: { index: number; body: string; hash: string }[]) => void, number][] = [
    [
      'in its bytes',
      (entries) =>
        (entries[2] = {
          ...entries[2],
          body: (entries[2] as { body: string }).body.replace('"n":1', '"n":7'),
        } as never),
      2,
    ],
    ['so that it can’t be read', (entries) => (entries[2] = { ...entries[2], body: '{' } as never), 2],
    [
      'with its hash made anew',
      (entries) => {
        const body = (entries[2] as { body: string }).body.replace('"n":1', '"n":7');
        entries[2] = { ...entries[2], body, hash: sha256(body) } as never;
      },
      3,
    ],
    ['by one from another place', (entries) => (entries[2] = { ...entries[3], index: 2 } as never), 2],
  ];

  test.each(ALTERATIONS)('%s: its stream is neither read nor written, others go on', async (_, alter, index) => {
    const store = new MemoryEventStore();
    const writer = transactorOn(store);
    for (const i of range(5))
      for (const stream of [STREAM, OTHER])
        accepted(await writer.transact(tally, stream, add(`${i}`, 1), asking(keyed(`key-${i}`))));
    alter(store.entries(STREAM) as never);
    const transactor = transactorOn(store);
    const attempts = [
      () => transactor.load(tally, STREAM),
      () => transactor.current(tally, STREAM),
      () => transactor.loadAt(tally, STREAM, { upTo: 4 }),
      () => transactor.transact(tally, STREAM, add('x', 1), asking()),
      () => transactor.transact(tally, STREAM, add('x', 1), asking({ creates: true })),
      () => transactor.transact(tally, STREAM, add('4', 1), asking(keyed('key-4'))),
    ];
    for (const attempt of attempts) {
      const error: unknown = await attempt().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(AlteredReceipt);
      expect((error as AlteredReceipt).ref).toBe(`${STREAM}@${index}`);
      expect((error as AlteredReceipt).message).toContain(`${STREAM}@${index}`);
    }
    expect(store.entries(STREAM)).toHaveLength(5);
    expect(transactor.altered.map(({ ref }) => ref)).toEqual([`${STREAM}@${index}`]);
    expect(accepted(await transactor.transact(tally, OTHER, add('x', 1), asking())).state.sum).toBe(6);
  });

  test('a dropped one is missed', async () => {
    const store = new MemoryEventStore();
    for (const i of range(5)) await transactorOn(store).transact(tally, STREAM, add(`${i}`, 1), asking());
    (store.entries(STREAM) as unknown[]).splice(2, 1);
    await expect(transactorOn(store).load(tally, STREAM)).rejects.toMatchObject({ ref: `${STREAM}@2` });
  });
});

describe('the policy', () => {
  const DENY = { ...ALLOW, decision: 'deny' as const, reasons: ['level too low', 'outside hours'] };
  const denials = (store: MemoryEventStore) => verified(store, denialStream('acme', 'agent-1'));

  test('is asked before each command, with what it may look at', async () => {
    const policy = new ScriptedPolicy();
    const transactor = transactorOn(new MemoryEventStore(), { policy });
    for (const _ of range(2))
      accepted(await transactor.transact(tally, STREAM, add('a', 1), asking({ attributes: { cost: 3 } })));
    expect(policy.asked).toEqual(
      range(2).map(() => ({
        principal: AGENT,
        action: 'tally.change',
        resource: STREAM,
        now: expect.any(Number) as number,
        attributes: { cost: 3 },
      })),
    );
  });

  test('that denies leaves a receipt, and nothing in the stream', async () => {
    const policy = new ScriptedPolicy();
    policy.answer = DENY;
    const store = new MemoryEventStore();
    const cause: Cause = { ref: 'acme/tally/0@3', at: EPOCH, correlationId: 'of the cause', depth: 0 };
    let decided = false;
    const rejection = refused(
      await transactorOn(store, { policy }).transact(
        tally,
        STREAM,
        () => ((decided = true), []),
        asking({ cause, correlationId: 'c-1', traceparent: '00-trace', ...keyed('key-1') }),
      ),
    );
    expect(rejection).toMatchObject({ kind: 'forbidden', code: 'policy-denied', details: { reasons: DENY.reasons } });
    expect(rejection.message).toContain('level too low');
    expect(decided).toBe(false);
    expect(store.entries(STREAM)).toEqual([]);
    expect(denials(store)).toMatchObject([
      {
        events: [
          {
            type: 'CommandDenied',
            data: { action: 'tally.change', resource: STREAM, principal: 'agent-1', reasons: DENY.reasons, leftOut: 0 },
          },
        ],
        meta: {
          actor: { id: 'agent-1' },
          action: 'tally.change',
          causationId: cause.ref,
          correlationId: 'c-1',
          traceparent: '00-trace',
          policy: { decision: 'deny', bundle: ALLOW.bundle },
        },
      },
    ]);
  });

  test('that wants an approval says so, and leaves a receipt', async () => {
    const policy = new ScriptedPolicy();
    policy.answer = { ...ALLOW, decision: 'needs_approval', reasons: ['critical'] };
    const store = new MemoryEventStore();
    expect(refused(await transactorOn(store, { policy }).transact(tally, STREAM, add('a', 1), asking()))).toMatchObject(
      { kind: 'forbidden', code: 'approval-needed', details: { reasons: ['critical'] } },
    );
    expect(denials(store)).toMatchObject([{ meta: { policy: { decision: 'needs_approval' } } }]);
  });

  test('that cannot answer lets nothing through', async () => {
    const store = new MemoryEventStore();
    for (const evaluate of [
      () => {
        throw new Error('no bundle');
      },
      () => Promise.reject(new Error('no bundle')),
    ]) {
      await expect(
        transactorOn(store, { policy: { evaluate } }).transact(tally, STREAM, add('a', 1), asking()),
      ).rejects.toThrow('no bundle');
    }
    expect(store.log).toEqual([]);
  });

  test('denying a caller in a loop leaves few receipts, which say how many were left out', async () => {
    const policy = new ScriptedPolicy();
    policy.answer = DENY;
    const clock = new ManualClock();
    const store = new MemoryEventStore();
    const transactor = transactorOn(store, { policy, clock });
    const knock = async (times: number, id = 'agent-1') =>
      await Promise.all(
        range(times).map(async () =>
          expect(
            refused(await transactor.transact(tally, STREAM, add('a', 1), asking({ principal: { ...AGENT, id } })))
              .code,
          ).toBe('policy-denied'),
        ),
      );
    await knock(100);
    expect(denials(store)).toHaveLength(5);
    await knock(3, 'agent-2');
    expect(verified(store, denialStream('acme', 'agent-2'))).toHaveLength(3);
    clock.time += 1_000;
    await knock(2);
    clock.time += 60_000;
    await knock(1);
    expect(denials(store).map(({ events }) => (events[0]?.data as { leftOut: number }).leftOut)).toEqual([
      0, 0, 0, 0, 0, 95, 0, 0,
    ]);
  });

  test('denial streams belong to tenant and principal', () => {
    const streams = new Set([
      denialStream('acme', 'a'),
      denialStream('acme-b', 'a'),
      denialStream('acme', 'b'),
      denialStream('acme', 'a/b'),
    ]);
    expect(streams.size).toBe(4);
    for (const stream of streams) expect(stream).toMatch(/^acme(-b)?\/denial\/[0-9a-f]{32}$/);
  });
});

describe('a store that fails', () => {
  const failing = (script: Parameters<typeof scriptedFaults>[0]) => {
    const inner = new MemoryEventStore();
    return { inner, transactor: transactorOn(new FaultyEventStore(inner, scriptedFaults(script))) };
  };

  test.each([
    ['before it wrote', { append: ['fails'] }],
    ['after it wrote', { append: ['loses'] }],
    ['and writes later', { append: ['late'] }],
    ['several times', { append: ['fails', 'loses', 'fails'] }],
    ['and can’t be asked what it holds', { append: ['loses'], read: [undefined, 'fails'] }],
    ['and can’t be asked twice', { append: ['loses', 'fails'], read: [undefined, 'fails', 'fails'] }],
    ['and can’t be asked after the conflict with itself', { append: ['loses'], read: [undefined, 'fails', 'fails'] }],
  ] as const)('%s: the command is done once and acknowledged', async (_, script) => {
    const { inner, transactor } = failing(script);
    expect(accepted(await transactor.transact(tally, STREAM, add('a', 1), asking()))).toMatchObject({
      version: 0,
      state: { ops: ['a'] },
    });
    await sleep(50);
    expect(verified(inner)).toHaveLength(1);
    accepted(await transactor.transact(tally, STREAM, add('b', 1), asking()));
    expect(verified(inner)).toHaveLength(2);
  });

  test('for good is StoreUnavailable for all who waited, and the next is decided on what is there', async () => {
    // Two batches that fail four times each, one command that goes through, one whose answers are lost.
    const [four, unknown] = [
      ['fails', 'fails', 'fails', 'fails'] as const,
      [undefined, 'fails', 'fails', 'fails'] as const,
    ];
    const { inner, transactor } = failing({
      append: [...four, ...four, undefined, 'loses', 'fails', 'fails', 'fails'],
      read: [...unknown, ...unknown, ...unknown],
    });
    const all = await Promise.allSettled(
      range(3).map((i) => transactor.transact(tally, STREAM, add(`a${i}`, 1), asking())),
    );
    for (const result of all) expect((result as PromiseRejectedResult).reason).toBeInstanceOf(StoreUnavailable);
    expect(inner.log).toEqual([]);
    accepted(await transactor.transact(tally, STREAM, add('b', 1), asking()));
    await expect(transactor.transact(tally, STREAM, add('c', 1), asking(keyed('key-c')))).rejects.toThrow(
      StoreUnavailable,
    );
    expect(inner.entries(STREAM)).toHaveLength(2); // 'c' is there, unacknowledged
    expect(accepted(await transactor.transact(tally, STREAM, add('c', 1), asking(keyed('key-c'))))).toMatchObject({
      repeated: true,
      version: 1,
    });
    expect(verified(inner)).toHaveLength(2);
  });

  test.each([
    ['with a snapshot', { snapshot: ['fails'] }],
    ['with commits', { read: ['fails'] }],
  ] as const)('to answer %s is StoreUnavailable, no error of another kind', async (_, script) => {
    const { inner, transactor } = failing(script);
    await transactorOn(inner).transact(tally, STREAM, add('a', 1), asking());
    await expect(transactor.transact(tally, STREAM, add('b', 1), asking())).rejects.toThrow(StoreUnavailable);
    accepted(await transactor.transact(tally, STREAM, add('b', 1), asking()));
    await expect(transactorOn(new FaultyEventStore(inner, scriptedFaults(script))).load(tally, STREAM)).rejects.toThrow(
      StoreUnavailable,
    );
    await expect(
      transactorOn(new FaultyEventStore(inner, scriptedFaults({ read: ['fails'] }))).loadAt(tally, STREAM, { upTo: 0 }),
    ).rejects.toThrow(StoreUnavailable);
  });

  const allBusy = async (transactor: Transactor) => {
    const all = await Promise.allSettled(
      range(200).map((i) => transactor.transact(tally, STREAM, add(`a${i}`, 1), asking())),
    );
    for (const result of all) expect((result as PromiseRejectedResult).reason).toBeInstanceOf(StoreBusy);
  };

  test.each([
    ['append', { append: ['busy'] }],
    ['load', { read: ['busy'] }],
  ] as const)(
    'being busy at the %s, is asked once: StoreBusy for all who wait, and nothing is written',
    async (_, script) => {
      const { inner, transactor } = failing(script);
      await allBusy(transactor);
      expect(inner.log).toEqual([]);
      accepted(await transactor.transact(tally, STREAM, add('b', 1), asking()));
      expect(verified(inner)).toHaveLength(1);
    },
  );

  test('being busy after a conflict, has written nothing either', async () => {
    const { inner, transactor } = failing({ snapshot: [undefined, 'busy'] });
    accepted(await transactor.transact(tally, STREAM, add('a', 1), asking()));
    accepted(await transactorOn(inner).transact(tally, STREAM, add('rival', 1), asking()));
    await allBusy(transactor);
    expect(verified(inner)).toHaveLength(2);
  });

  test.each([
    ['and writes later', { append: ['late', 'busy'] }],
    ['after it wrote', { append: ['loses', 'busy'], read: [undefined, 'fails'] }],
    [
      'after it wrote, and is asked what it holds',
      { append: ['loses', 'fails', 'fails', 'fails'], read: [undefined, 'busy'] },
    ],
  ] as const)(
    '%s, being busy only then: that is StoreUnavailable, and the key finds the first answer',
    async (_, script) => {
      const { inner, transactor } = failing(script);
      await expect(transactor.transact(tally, STREAM, add('a', 1), asking(keyed('key-a')))).rejects.toThrow(
        StoreUnavailable,
      );
      await sleep(50);
      expect(accepted(await transactor.transact(tally, STREAM, add('a', 1), asking(keyed('key-a'))))).toMatchObject({
        repeated: true,
        version: 0,
      });
      expect(verified(inner)).toHaveLength(1);
    },
  );

  test('while a refusal is checked is StoreUnavailable, never a stale refusal', async () => {
    const { transactor } = failing({ head: ['fails'] });
    accepted(await transactor.transact(tally, STREAM, add('a', 1), asking()));
    await expect(transactor.transact(tally, STREAM, take('b', 5), asking())).rejects.toThrow(StoreUnavailable);
    expect(refused(await transactor.transact(tally, STREAM, take('b', 5), asking())).code).toBe('too-little');
  });

  test('says what failed', async () => {
    const { transactor } = failing({ snapshot: ['fails'] });
    const error: unknown = await transactor
      .transact(tally, STREAM, add('a', 1), asking())
      .catch((reason: unknown) => reason);
    expect(String(error)).toContain(STREAM);
    expect(String(error)).toContain('snapshot failed');
    expect((error as Error).cause).toBeInstanceOf(StoreFault);
  });
});
