/**
 * Policy as WebAssembly, in process: `opa` has compiled the rules, `@open-policy-agent/opa-wasm` runs them.
 *
 * An evaluation can't be interrupted. What bounds it is the memory of its instance, which is not freed before the
 * evaluation ends: rules that take too long run out of it.
 */
import { createHash } from 'node:crypto';
import { loadPolicy } from '@open-policy-agent/opa-wasm';
import {
  BUNDLE_FILES,
  type BundleFiles,
  type BundleLoader,
  InvalidBundle,
  MAX_BUNDLE_BYTES,
} from '../../app/engine/ports-policy';
import { canonicalize, POLICY_DECISIONS, sha256 } from '../../domain/kernel/commit';
import { parseStream } from '../../domain/kernel/ids';
import { own } from '../../domain/kernel/own';
import type { Manifest, Obligation, PolicyAnswer, PolicyBundle, PolicyRequest } from '../../domain/policy/asking';

/** Pages of 64 KB that an instance starts with, and may grow to: 32 MB. */
const MEMORY = { initial: 16, maximum: 512 };

/** Largest question, in bytes: many times what a command asks. */
const MAX_INPUT = 64 * 1024;

/** Most reasons, and longest of them, that an answer gives. */
const MAX_REASONS = 50;
const MAX_REASON = 1_000;

/** Codes before the reason of a denial that no rule has said. */
export const POLICY_ERROR = 'policy_error';

/** What is used of an instance; the library types nothing of it. */
interface Instance {
  readonly entrypoints: Readonly<Record<string, unknown>>;
  evaluate(input: ArrayBuffer, entrypoint: number): unknown;
  setData(data: object): void;
}

export class OpaLoader implements BundleLoader {
  async load(files: BundleFiles): Promise<PolicyBundle> {
    for (const name of BUNDLE_FILES)
      if (files[name].byteLength > MAX_BUNDLE_BYTES[name])
        throw new InvalidBundle(`${name} has more than ${MAX_BUNDLE_BYTES[name]} bytes`);
    const manifest = manifestOf(jsonOf(files, 'manifest.json'));
    for (const [name, hash] of Object.entries(manifest.files) as [keyof Manifest['files'], string][])
      if (hashOf(files[name]) !== hash) throw new InvalidBundle(`${name} is not the file that the manifest names`);
    const bundle = new OpaBundle(manifest, await instanceOf(files));
    bundle.prove();
    return bundle;
  }
}

class OpaBundle implements PolicyBundle {
  readonly hash: string;
  /** Action → entrypoint, with its number in the instance. */
  private readonly answering = new Map<string, readonly [name: string, number: number]>();

  constructor(
    readonly manifest: Manifest,
    private readonly instance: Instance,
  ) {
    this.hash = sha256(canonicalize(manifest));
    for (const [entrypoint, actions] of Object.entries(manifest.entrypoints)) {
      const number = own(instance.entrypoints, entrypoint);
      if (typeof number !== 'number') throw new InvalidBundle(`the rules have no entrypoint ${entrypoint}`);
      for (const action of actions) {
        if (this.answering.has(action)) throw new InvalidBundle(`two entrypoints answer ${action}`);
        this.answering.set(action, [entrypoint, number]);
      }
    }
  }

  evaluate(request: PolicyRequest): PolicyAnswer {
    const answer = { bundle: this.hash, input: '', decision: 'deny', reasons: [] as readonly string[] } as const;
    let input: string;
    try {
      input = inputOf(request);
    } catch (error) {
      return { ...answer, reasons: [failure(error)] };
    }
    const asked = { ...answer, input: sha256(input) };
    const answering = this.answering.get(request.action);
    if (answering === undefined) return { ...asked, reasons: [`the rules do not know the action ${request.action}`] };
    const [entrypoint, number] = answering;
    try {
      return { ...asked, entrypoint, ...this.ask(input, number) };
    } catch (error) {
      return { ...asked, entrypoint, reasons: [failure(error)] };
    }
  }

  /**
   * Asks every entrypoint about nothing, which none may allow. It warms them as well: the first evaluation takes a
   * thousand times as long as the next. Throws `InvalidBundle`.
   */
  prove(): void {
    for (const entrypoint of Object.keys(this.manifest.entrypoints)) {
      let said: Said;
      try {
        said = this.ask(NOTHING, own(this.instance.entrypoints, entrypoint) as number);
      } catch (error) {
        throw new InvalidBundle(`${entrypoint} does not answer: ${failure(error)}`, { cause: error });
      }
      if (said.decision !== 'deny') throw new InvalidBundle(`${entrypoint} does not deny by default`);
    }
  }

  private ask(input: string, entrypoint: number): Said {
    if (Buffer.byteLength(input) > MAX_INPUT) throw new RangeError(`the question has more than ${MAX_INPUT} bytes`);
    // The bytes that were hashed are those that are asked. They are whole: canonicalize has written them.
    const bytes = new TextEncoder().encode(input);
    return saidBy(this.instance.evaluate(bytes.buffer, entrypoint));
  }
}

/** A question about nothing. */
const NOTHING = '{}';

/** What a rule has said. */
type Said = Pick<PolicyAnswer, 'decision' | 'reasons' | 'obligations'>;

/** The question as the rules see it: the RFC 8785 form, whose SHA-256 stands on the receipt. */
function inputOf({ action, attributes = {}, now, principal, resource }: PolicyRequest): string {
  const { groups, id, kind, level, tenant, via } = principal;
  const { category, id: name, tenant: of } = parseStream(resource);
  // In the order of the canonical form, which spares a copy.
  return canonicalize({
    action,
    attributes,
    now,
    principal: { groups, id, kind, level, tenant, via },
    resource: { category, id: name, tenant: of },
  });
}

/** Throws unless it is exactly one answer of the known form. */
function saidBy(results: unknown): Said {
  if (!Array.isArray(results) || results.length !== 1)
    throw new TypeError('the rules have not given exactly one answer');
  const { result } = results[0] as { result: unknown };
  if (!isObject(result)) throw new TypeError('the answer of the rules is no object');
  const { decision, reasons, obligations, ...others } = result;
  if (!POLICY_DECISIONS.some((known) => known === decision))
    throw new TypeError('the rules have answered something else than allow, deny or needs_approval');
  if (!isListOf(reasons, isReason) || reasons.length > MAX_REASONS)
    throw new TypeError('the reasons of the rules are no list of short texts');
  if (!isListOf(obligations, isObligation)) throw new TypeError('an obligation of the rules is not known');
  if (Object.keys(others).length > 0)
    throw new TypeError(`the answer of the rules has ${Object.keys(others).join(', ')}`);
  return {
    decision: decision as Said['decision'],
    reasons: decision !== 'allow' && reasons.length === 0 ? ['no rule allows it'] : reasons,
    obligations: obligations.length === 0 ? undefined : obligations,
  };
}

function isReason(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_REASON;
}

function isObligation(value: unknown): value is Obligation {
  if (!isObject(value)) return false;
  switch (value.must) {
    case 'audit':
      return true;
    case 'encrypt':
    case 'redact':
      return isListOf(value.fields, isReason);
    case 'limit':
      return isReason(value.attribute) && typeof value.most === 'number';
    default:
      return false;
  }
}

function isListOf<T>(value: unknown, is: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.every(is);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is thrown here may be anything: WebAssembly and its library throw texts and plain objects, too. */
function failure(error: unknown): string {
  const said = isObject(error) ? error.message : error;
  const why = error instanceof Error ? error.message : typeof said === 'string' ? said : 'it threw no error';
  return `${POLICY_ERROR}: ${why.slice(0, MAX_REASON)}`;
}

// ---------------------------------------------------------------------------------------------------- the files

async function instanceOf(files: BundleFiles): Promise<Instance> {
  const data = jsonOf(files, 'data.json');
  if (!isObject(data)) throw new InvalidBundle('data.json is no object');
  try {
    // A copy, in a buffer of its own: what a file was read into may be a part of a larger one.
    const instance: Instance = await loadPolicy(Uint8Array.from(files['policy.wasm']), MEMORY);
    instance.setData(data);
    return instance;
  } catch (error) {
    throw new InvalidBundle(`policy.wasm can't be used: ${failure(error)}`, { cause: error });
  }
}

function jsonOf(files: BundleFiles, name: 'manifest.json' | 'data.json'): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(files[name])) as unknown;
  } catch (error) {
    throw new InvalidBundle(`${name} is no JSON`, { cause: error });
  }
}

const HASH = /^[0-9a-f]{64}$/;

function manifestOf(value: unknown): Manifest {
  if (!isObject(value)) throw new InvalidBundle('the manifest is no object');
  const { name, revision, entrypoints, files, sources, ...others } = value;
  const isName = (text: unknown): text is string => typeof text === 'string' && /^[\w.-]{1,128}$/.test(text);
  const isHash = (text: unknown): text is string => typeof text === 'string' && HASH.test(text);
  if (Object.keys(others).length > 0) throw new InvalidBundle(`the manifest has ${Object.keys(others).join(', ')}`);
  if (!isName(name) || !isName(revision)) throw new InvalidBundle('the manifest needs a name and a revision');
  if (!isObject(entrypoints) || !Object.values(entrypoints).every((actions) => isListOf(actions, isName)))
    throw new InvalidBundle('the entrypoints of the manifest are no lists of actions');
  if (Object.keys(entrypoints).length === 0) throw new InvalidBundle('the manifest has no entrypoint');
  if (!isObject(files) || Object.keys(files).sort().join() !== 'data.json,policy.wasm')
    throw new InvalidBundle('the manifest needs the hashes of data.json and policy.wasm');
  if (!isObject(sources) || ![...Object.values(files), ...Object.values(sources)].every(isHash))
    throw new InvalidBundle('a hash of the manifest is no SHA-256');
  return value as unknown as Manifest;
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
