/**
 * A bundle judges from the answer on, in every process within a second and after a restart; one that can't be loaded
 * has its process do nothing; what the shadow and the past say is what the bundle would have said.
 */
import fc from 'fast-check';
import type { RequestContext } from '../../app/engine/command';
import type { BundleFiles, Bundles } from '../../app/engine/ports-policy';
import type { PolicyServices } from '../../app/policy/module';
import { denialStream } from '../../domain/audit/denial';
import { commitRef } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { MAX_EXAMPLES } from '../../domain/policy/comparison';
import { POLICY_AUTHORS, ROLLOUT_STREAM, type RolloutEvent } from '../../domain/policy/rollout';
import { PLATFORM } from '../../domain/stops/stop';
import { shippedBundles } from '../../host/policy';
import { eventually } from '../support/eventually';
import { brokenRules } from '../support/log-rules';
import { as, type Process, spec, Stage, taskOf, TENANT, types } from '../support/stage';
import { bundleWith, nameOf, withFile } from './bundles';

let bundles: Bundles;
/** Nobody but a person may post. */
let strict: BundleFiles;
/** Another one of the same kind, for two at once. */
let stricter: BundleFiles;
let stage: Stage;

beforeAll(async () => {
  bundles = await shippedBundles();
  strict = await bundleWith({ 'task.post': 'critical' });
  stricter = await bundleWith({ 'task.post': 'critical', 'task.cancel': 'critical' });
});
afterEach(async () => {
  expect(brokenRules(stage.log())).toEqual([]);
  expect(stage.chainFaults()).toEqual([]);
  await stage.end();
});

const author = (id: string, changes: Partial<Principal> = {}): RequestContext => ({
  principal: { tenant: PLATFORM, id, kind: 'human', level: 'read_write', groups: [POLICY_AUTHORS], ...changes },
});
const ada = author('human:ada');
const bob = author('human:bob');
const poster = as('poster', undefined, 'service');
const policyOf = ({ colony }: Process = stage.first) => colony.policy as PolicyServices;
const code = (outcome: { ok: boolean; rejection?: { code: string } }) =>
  outcome.ok ? 'done' : outcome.rejection?.code;

const begin = async () => {
  const process = await stage.start();
  await process.colony.balance.stop();
  await stage.settled();
  return process;
};
const stageBundle = async (files: BundleFiles, who = ada, at = stage.first) =>
  code((await policyOf(at).rollout.stage(who, files, 'new limits')).outcome);
const activate = async (files: BundleFiles, who = bob, at = stage.first) =>
  code(await policyOf(at).rollout.activate(who, { bundle: nameOf(files), urgent: true, reason: 'good' }));
const rollBack = async (files: BundleFiles, who = bob, at = stage.first) =>
  code(await policyOf(at).rollout.rollBack(who, nameOf(files), 'bad'));
let posts = 0;
const post = async ({ colony }: Process = stage.first) =>
  code(await colony.tasks.post(poster, `t${(posts += 1)}`, spec()));
const inForce = (process: Process = stage.first) => policyOf(process).inForce.bundle.hash;

describe('in one process', () => {
  beforeEach(async () => {
    stage = new Stage({ bundles });
    await begin();
  });

  test('what ships judges first; then what two people have brought into force; then what was rolled back to', async () => {
    expect(inForce()).toBe(nameOf(bundles.shipped));
    expect(await post()).toBe('done');
    expect(stage.stream(taskOf(`t${posts}`))[0]?.meta.policy).toMatchObject({
      bundle: nameOf(bundles.shipped),
      decision: 'allow',
      entrypoint: 'formicary/assignment/decision',
    });
    expect(await stageBundle(strict)).toBe('done');
    expect(await post()).toBe('done');
    expect(await activate(strict, ada)).toBe('second-person-activates');
    expect(await activate(strict)).toBe('done');
    expect(inForce()).toBe(nameOf(strict));
    expect(await post()).toBe('policy-denied');
    expect(await rollBack(strict)).toBe('done');
    expect(await post()).toBe('done');
    expect(types(stage.stream(ROLLOUT_STREAM))).toEqual(['PolicyStaged', 'PolicyActivated', 'PolicyRolledBack']);
    // What was refused left a receipt too.
    expect(types(stage.stream(denialStream(PLATFORM, 'human:ada')))).toEqual(['CommandDenied']);
  });

  test('a restart finds what is in force', async () => {
    await stageBundle(strict);
    await activate(strict);
    stage.first.kill();
    await begin();
    expect(inForce()).toBe(nameOf(strict));
    expect(await post()).toBe('policy-denied');
  });

  test('a bundle that denies everything is rolled back all the same, and stops pass', async () => {
    const none = withFile(bundles.shipped, Buffer.from('{"config":{}}'), 'none');
    expect(await stageBundle(none)).toBe('done');
    expect(await activate(none)).toBe('done');
    expect(await post()).toBe('policy-denied');
    const person = author('human:pia', { level: 'critical' });
    expect(code(await stage.colony.stops.stop(person, { kind: 'tenant', name: TENANT }, 'freeze', 'x'))).toBe('done');
    expect(code(await stage.colony.stops.lift(person, { kind: 'tenant', name: TENANT }, 'x'))).toBe('done');
    expect(await rollBack(none)).toBe('done');
    expect(await post()).toBe('done');
  });

  test('of those who have no part in it nothing is loaded, staged or shown', async () => {
    const eve = as('human:eve', undefined, 'human');
    expect(await stageBundle(strict, eve)).toBe('platform-decides');
    expect(await stageBundle(strict, author('ant', { kind: 'agent' }))).toBe('policy-author-needed');
    const nothing = {
      'policy.wasm': new Uint8Array(),
      'data.json': new Uint8Array(),
      'manifest.json': new Uint8Array(),
    };
    expect(await stageBundle(nothing, eve)).toBe('platform-decides');
    for (const answer of [
      await policyOf().rollout.list(eve.principal, 10),
      await policyOf().shadow.result(eve.principal),
      await policyOf().past.diff(eve.principal, nameOf(strict), 10),
    ])
      expect(answer).toMatchObject({ code: 'platform-decides' });
  });

  test.each<[string, () => BundleFiles, RegExp]>([
    ['no WebAssembly', () => ({ ...strict, 'policy.wasm': Buffer.from('hello') }), /policy.wasm/],
    [
      'a byte changed',
      () => ({ ...strict, 'data.json': Buffer.concat([strict['data.json'], Buffer.from(' ')]) }),
      /data.json/,
    ],
    ['no JSON', () => ({ ...strict, 'manifest.json': Buffer.from('{') }), /manifest.json/],
    [
      'a name twice',
      () => ({
        ...strict,
        'manifest.json': Buffer.from(`{"name":"x",${Buffer.from(strict['manifest.json']).toString().slice(1)}`),
      }),
      /manifest.json/,
    ],
    ['too large', () => ({ ...strict, 'policy.wasm': Buffer.alloc(9 * 1024 * 1024) }), /bytes/],
    [
      'no such entrypoint',
      () => {
        const manifest = JSON.parse(Buffer.from(strict['manifest.json']).toString()) as { entrypoints: object };
        const entrypoints = { ...manifest.entrypoints, 'formicary/nobody/decision': ['x.y'] };
        return { ...strict, 'manifest.json': Buffer.from(JSON.stringify({ ...manifest, entrypoints })) };
      },
      /formicary\/nobody/,
    ],
  ])('what is no bundle is refused before it is staged: %s', async (_, files, why) => {
    const { outcome } = await policyOf().rollout.stage(ada, files(), 'new');
    expect(outcome).toMatchObject({
      ok: false,
      rejection: { code: 'bundle-invalid', message: expect.stringMatching(why) },
    });
    expect(stage.stream(ROLLOUT_STREAM)).toEqual([]);
  });

  test('the shadow says what it would have said, decides nothing, and writes nothing', async () => {
    await stageBundle(strict);
    expect(code(await policyOf().rollout.shadow(ada, nameOf(strict), 'look'))).toBe('done');
    expect(await policyOf().shadow.result(ada.principal)).toMatchObject({ asked: 0, actions: [] });
    const before = stage.log().length;
    for (let i = 0; i < MAX_EXAMPLES + 3; i += 1) expect(await post()).toBe('done');
    const receipts = stage.log().length - before;
    await stage.settled();
    expect(await policyOf().shadow.result(ada.principal)).toMatchObject({
      bundle: nameOf(strict),
      in_force: nameOf(bundles.shipped),
      not_compared: 0,
      actions: expect.arrayContaining([
        {
          action: 'task.post',
          asked: MAX_EXAMPLES + 3,
          differing: MAX_EXAMPLES + 3,
          changes: { 'allow → deny': MAX_EXAMPLES + 3 },
          examples: Array.from({ length: MAX_EXAMPLES }, () =>
            expect.objectContaining({
              tenant: TENANT,
              principal: 'poster',
              compared: expect.objectContaining({ decision: 'deny' }),
            }),
          ),
        },
      ]),
    });
    expect(receipts).toBe(MAX_EXAMPLES + 3);
    // It comes into force as what it was compared as, and leaves the shadow.
    expect(
      code(await policyOf().rollout.activate(bob, { bundle: nameOf(strict), urgent: false, reason: 'good' })),
    ).toBe('done');
    expect(await policyOf().shadow.result(ada.principal)).toBeUndefined();
  });

  test('the past is asked again: of the last receipts, refusals too, and no more', async () => {
    for (let i = 0; i < 4; i += 1) await post();
    await stageBundle(strict);
    const diff = async (last: number) => await policyOf().past.diff(ada.principal, nameOf(strict), last);
    const whole = await diff(10_000);
    expect(whole).toMatchObject({
      in_force: nameOf(bundles.shipped),
      bundle: nameOf(strict),
      receipts: stage.log().length,
      differing: 4,
      actions: expect.arrayContaining([
        expect.objectContaining({ action: 'task.post', differing: 4, changes: { 'allow → deny': 4 } }),
      ]),
    });
    // The roll-out itself stands above policy: it is no decision of a bundle.
    expect(await diff(1)).toMatchObject({ receipts: 1, differing: 0 });
    await activate(strict);
    expect(await post()).toBe('policy-denied');
    expect(await policyOf().past.diff(ada.principal, nameOf(bundles.shipped), 10_000)).toMatchObject({
      differing: 5,
      actions: expect.arrayContaining([
        expect.objectContaining({ action: 'task.post', changes: { 'deny → allow': 5 } }),
      ]),
    });
    expect(await policyOf().past.diff(ada.principal, 'f'.repeat(64), 10)).toMatchObject({ code: 'unknown-bundle' });
  });

  test('the decision behind a receipt is made again, by the bundle that it names, whatever is in force', async () => {
    await post();
    const allowed = commitRef(taskOf(`t${posts}`), 0);
    await stageBundle(strict);
    await activate(strict);
    await post();
    const denied = commitRef(denialStream(TENANT, 'poster'), 0);
    await rollBack(strict);
    expect(await policyOf().past.explain(TENANT, allowed)).toMatchObject({
      outcome: 'agrees',
      action: 'task.post',
      stands: { bundle: nameOf(bundles.shipped), decision: 'allow' },
      request: { action: 'task.post', resource: taskOf(`t${posts - 1}`), principal: { id: 'poster', tenant: TENANT } },
    });
    expect(await policyOf().past.explain(TENANT, denied)).toMatchObject({
      outcome: 'agrees',
      stands: { bundle: nameOf(strict), decision: 'deny' },
      again: { decision: 'deny', reasons: [expect.any(String)], entrypoint: 'formicary/assignment/decision' },
      revision: 'other',
    });
    // What no bundle was asked can't be made again, and says so.
    expect(await policyOf().past.explain(PLATFORM, commitRef(ROLLOUT_STREAM, 0))).toMatchObject({
      outcome: 'no-bundle',
    });
    for (const [tenant, ref] of [
      [TENANT, `${taskOf('nobody')}@0`],
      ['other', allowed],
      [TENANT, 'x'],
    ] as const)
      expect(await policyOf().past.explain(tenant, ref)).toMatchObject({ code: 'unknown-receipt' });
  });
});

describe('in three processes', () => {
  let processes: Process[];
  beforeEach(async () => {
    stage = new Stage({ bundles, shared: true });
    processes = [await begin(), await begin(), await begin()];
  });
  const heard = async () => {
    for (const process of processes) {
      await process.colony.peers.look();
      await policyOf(process).inForce.settled();
    }
  };

  test('what is activated or rolled back in one holds in all once they have heard of it', async () => {
    await stageBundle(strict, ada, processes[0]);
    await heard();
    expect(await activate(strict, bob, processes[1])).toBe('done');
    await heard();
    for (const process of processes)
      expect([inForce(process), await post(process)]).toEqual([nameOf(strict), 'policy-denied']);
    expect(await rollBack(strict, bob, processes[2])).toBe('done');
    await heard();
    for (const process of processes) expect(await post(process)).toBe('done');
  });

  test('in bursts of activations and rollbacks all end with what the log says', async () => {
    const files = [strict, stricter];
    const step = fc.record({ at: fc.nat(2), of: fc.nat(1), what: fc.constantFrom('stage', 'activate', 'rollback') });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 12 }), async (steps) => {
        await Promise.all(
          steps.map(({ at, of, what }) => {
            const [bundle, process] = [files[of] as BundleFiles, processes[at]];
            if (what === 'stage') return stageBundle(bundle, ada, process);
            return what === 'activate' ? activate(bundle, bob, process) : rollBack(bundle, bob, process);
          }),
        );
        await heard();
        const events = stage.stream(ROLLOUT_STREAM).flatMap((commit) => commit.events as readonly RolloutEvent[]);
        const now = events.reduce((before, { type, data }) => {
          if (type === 'PolicyActivated') return data.bundle;
          return type === 'PolicyRolledBack' ? data.to : before;
        }, nameOf(bundles.shipped));
        for (const process of processes) expect(inForce(process)).toBe(now);
      }),
      { numRuns: 15 },
    );
  });

  test('one that can not load what is in force does nothing, and says so, until it can', async () => {
    const [away, other] = processes as [Process, Process, Process];
    await stageBundle(strict, ada, other);
    let isAway = true;
    stage.mishaps = (port, method) => (isAway && port === 'blobs' && method === 'get' ? 'fails' : undefined);
    // It is in force all the same: another process may be able to load it.
    expect(await activate(strict, bob, other)).toBe('done');
    await heard();
    expect(await away.colony.tasks.post(poster, 'x', spec())).toMatchObject({
      ok: false,
      rejection: { kind: 'unavailable', code: 'policy-unavailable', message: expect.stringContaining(nameOf(strict)) },
    });
    expect(await away.colony.readiness.look()).toEqual(
      expect.arrayContaining([{ check: 'policy', ok: false, reason: expect.stringContaining(nameOf(strict)) }]),
    );
    // Whoever can't be judged can still be stopped, and the bundle be rolled back.
    const pia = author('human:pia', { level: 'critical' });
    expect(code(await away.colony.stops.stop(pia, { kind: 'tenant', name: 'other' }, 'freeze', 'x'))).toBe('done');
    isAway = false;
    await eventually(() => policyOf(away).inForce.trouble() === undefined);
    expect(await post(away)).toBe('policy-denied');
  });
});
