/** Bundles that are none are not loaded; rules that answer as none should deny. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OpaLoader } from '../../../adapters/opa/loader';
import { type BundleFile, type BundleFiles, InvalidBundle, MAX_BUNDLE_BYTES } from '../../../app/engine/ports-policy';
import { decide, type PolicyAnswer, type PolicyBundle } from '../../../domain/policy/asking';
import { shippedBundle } from '../../../host/policy';

const ODD = readFileSync(join(__dirname, '../../fixtures/policies/odd/policy.wasm'));
const loader = new OpaLoader();
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const bytesOf = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

/** A bundle of the odd rules that says it answers `odd.<name>` with the rule of that name. */
function odd(names: readonly string[], changes: Record<string, unknown> = {}): BundleFiles {
  const data = bytesOf({});
  const manifest = {
    name: 'odd',
    revision: '1',
    entrypoints: Object.fromEntries(names.map((name) => [`odd/${name}`, [`odd.${name}`]])),
    files: { 'data.json': hashOf(data), 'policy.wasm': hashOf(ODD) },
    sources: {},
    ...changes,
  };
  return { 'policy.wasm': ODD, 'data.json': data, 'manifest.json': bytesOf(manifest) };
}

function ask(bundle: PolicyBundle, action: string, attributes: Record<string, unknown> = {}): PolicyAnswer {
  const principal = { tenant: 'acme', id: 'bot', kind: 'agent', level: 'execute' } as const;
  return decide(bundle, { principal, action, resource: 'acme/task/1', now: 1, attributes });
}

describe('files that are no bundle', () => {
  const without = async (file: BundleFile, bytes: Uint8Array): Promise<BundleFiles> => ({
    ...(await shippedBundle()),
    [file]: bytes,
  });

  test.each<[string, () => Promise<BundleFiles> | BundleFiles]>([
    [
      'a byte of the rules changed',
      async () => without('policy.wasm', flipped((await shippedBundle())['policy.wasm'])),
    ],
    ['a byte of the data changed', async () => without('data.json', flipped((await shippedBundle())['data.json']))],
    ['rules of another bundle', () => without('policy.wasm', ODD)],
    ['no manifest', () => without('manifest.json', Buffer.from(''))],
    ['a manifest that is no object', () => without('manifest.json', bytesOf([]))],
    ['no UTF-8', () => without('manifest.json', Buffer.from([0x22, 0xff, 0x22]))],
    ['too much', () => without('data.json', new Uint8Array(MAX_BUNDLE_BYTES['data.json'] + 1))],
    ['an entrypoint that is not there', () => odd(['nowhere'])],
    ['an entrypoint of another name', () => odd([], { entrypoints: { constructor: ['x'] } })],
    ['no entrypoint', () => odd([])],
    ['an action at two entrypoints', () => odd([], { entrypoints: { 'odd/text': ['x'], 'odd/mute': ['x'] } })],
    ['rules that allow by default', () => odd(['open'])],
    [
      'no WebAssembly',
      () => ({ ...odd(['mute'], { files: filesOf(Buffer.from('x')) }), 'policy.wasm': Buffer.from('x') }),
    ],
    ['a manifest with more in it', () => odd(['mute'], { trusted: true })],
    ['a hash that is none', () => odd(['mute'], { sources: { 'a.rego': 'x' } })],
    [
      'data that are no object',
      () => ({ ...odd(['mute'], { files: filesOf(ODD, bytesOf(7)) }), 'data.json': bytesOf(7) }),
    ],
  ])('%s', async (_, files) => {
    await expect(loader.load(await files())).rejects.toThrow(InvalidBundle);
  });

  function flipped(bytes: Uint8Array): Uint8Array {
    const copy = Uint8Array.from(bytes);
    copy[copy.length >> 1] = (copy[copy.length >> 1] as number) ^ 1;
    return copy;
  }

  function filesOf(wasm: Uint8Array, data: Uint8Array = bytesOf({})): Record<string, string> {
    return { 'data.json': hashOf(data), 'policy.wasm': hashOf(wasm) };
  }
});

describe('rules that answer as none should', () => {
  const NAMES = ['silent', 'text', 'verdict', 'more', 'less', 'condition', 'mute', 'hungry', 'torn', 'bound'];
  let bundle: PolicyBundle;
  beforeAll(async () => void (bundle = await loader.load(odd(NAMES))));

  test.each(['silent', 'text', 'verdict', 'more', 'less', 'condition', 'hungry', 'torn'])('%s: a denial', (name) => {
    const answer = ask(bundle, `odd.${name}`);
    expect(answer).toMatchObject({ decision: 'deny', entrypoint: `odd/${name}`, bundle: bundle.hash });
    expect(answer.reasons).toEqual([expect.stringMatching(/^policy_error: ./)]);
    expect(answer.obligations).toBeUndefined();
  });

  test('a denial without a reason gets one', () => {
    expect(ask(bundle, 'odd.mute')).toMatchObject({ decision: 'deny', reasons: ['no rule allows it'] });
  });

  test('after one that ran out of memory the next is answered', () => {
    for (let i = 0; i < 3; i += 1) expect(ask(bundle, 'odd.hungry').decision).toBe('deny');
    expect(ask(bundle, 'odd.mute').reasons).toEqual(['no rule allows it']);
  });

  test('a question that is too large, or deeper than can be written, is denied', () => {
    expect(ask(bundle, 'odd.bound', { must: 'audit', text: 'x'.repeat(70_000) }).reasons).toEqual([
      expect.stringMatching(/^policy_error: the question has more than/),
    ]);
    let deep: unknown = 1;
    for (let i = 0; i < 20_000; i += 1) deep = [deep];
    expect(ask(bundle, 'odd.bound', { must: 'audit', deep }).decision).toBe('deny');
    expect(ask(bundle, 'odd.bound', { must: 'audit', amount: 1n }).decision).toBe('deny');
    expect(ask(bundle, 'odd.bound', { must: 'audit' }).decision).toBe('allow');
  });

  test('conditions that can be met are, those that nothing here meets are refusals', () => {
    expect(ask(bundle, 'odd.bound', { must: 'audit' }).decision).toBe('allow');
    expect(ask(bundle, 'odd.bound', { must: 'limit', amount: 5 }).decision).toBe('allow');
    for (const amount of [6, -1, '5', null, undefined, NaN])
      expect([amount, ask(bundle, 'odd.bound', { must: 'limit', amount }).decision]).toEqual([amount, 'deny']);
    for (const must of ['encrypt', 'redact'])
      expect(ask(bundle, 'odd.bound', { must })).toMatchObject({
        decision: 'deny',
        reasons: [`nothing here can ${must} name, which policy demands`],
      });
    expect(ask(bundle, 'odd.bound', { must: 'dance' }).reasons).toEqual([expect.stringMatching(/^policy_error/)]);
  });
});

test('each bundle has an instance of its own, and a file that is a part of a larger buffer is read as it is', async () => {
  const files = await shippedBundle();
  const large = Buffer.concat([Buffer.alloc(9), files['policy.wasm'], Buffer.alloc(5)]);
  const part = large.subarray(9, 9 + files['policy.wasm'].byteLength);
  const [one, other] = await Promise.all([loader.load(files), loader.load({ ...files, 'policy.wasm': part })]);
  expect(one).not.toBe(other);
  expect(one.hash).toBe(other.hash);
  expect(ask(one, 'task.post').decision).toBe('allow');
});
