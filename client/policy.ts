/** The roll-out of policy: `formicary.policy`. */
import type {
  Policy as PolicySchema,
  policy,
  PolicyDiff as DiffSchema,
  PolicyExplanation as ExplanationSchema,
  PolicyShadow as ShadowSchema,
} from '../contract/policy/policy';
import type { AnswerOf, QueryOf, Shown } from '../contract/route';
import type { CommandOptions, ReadOptions, Session } from './session';

export type Policy = Shown<typeof PolicySchema>;
export type PolicyDiff = Shown<typeof DiffSchema>;
export type PolicyShadow = Shown<typeof ShadowSchema>;
export type PolicyExplanation = Shown<typeof ExplanationSchema>;

/** `/v1/policy`: which bundle of rules judges every command, how another comes into force, and what it would change. */
export class PolicyApi {
  constructor(private readonly session: Session) {}

  /** Which bundle is in force. */
  get(options?: ReadOptions): Promise<Policy> {
    return this.session.call<typeof policy.get>('GET /v1/policy', {}, options);
  }

  /** The bundles that have a part in the roll-out. */
  list(query: QueryOf<typeof policy.list> = {}, options?: ReadOptions): Promise<AnswerOf<typeof policy.list>> {
    return this.session.call<typeof policy.list>('GET /v1/policy/bundles', { query }, options);
  }

  /** Stages a bundle. */
  stage(
    files: {
      readonly 'policy.wasm': Uint8Array;
      readonly 'data.json': Uint8Array;
      readonly 'manifest.json': Uint8Array;
    },
    reason: string,
    options?: CommandOptions,
  ): Promise<AnswerOf<typeof policy.stage>> {
    const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
    const body = {
      files: {
        'policy.wasm': text(files['policy.wasm']),
        'data.json': text(files['data.json']),
        'manifest.json': text(files['manifest.json']),
      },
      reason,
    };
    return this.session.call<typeof policy.stage>('POST /v1/policy/bundles', { body }, options);
  }

  /** Takes a staged bundle back. */
  withdraw(bundle: string, reason: string, options?: CommandOptions): Promise<AnswerOf<typeof policy.withdraw>> {
    const request = { params: { bundle }, body: { reason } };
    return this.session.call<typeof policy.withdraw>('POST /v1/policy/bundles/{bundle}/withdraw', request, options);
  }

  /** Puts a staged bundle in the shadow of the one in force. */
  shadow(bundle: string, reason: string, options?: CommandOptions): Promise<AnswerOf<typeof policy.shadow>> {
    const request = { params: { bundle }, body: { reason } };
    return this.session.call<typeof policy.shadow>('POST /v1/policy/bundles/{bundle}/shadow', request, options);
  }

  /** Brings a staged bundle into force, as the second person. */
  activate(
    bundle: string,
    body: { readonly reason: string; readonly urgent?: boolean },
    options?: CommandOptions,
  ): Promise<AnswerOf<typeof policy.activate>> {
    const request = { params: { bundle }, body };
    return this.session.call<typeof policy.activate>('POST /v1/policy/bundles/{bundle}/activate', request, options);
  }

  /** Goes back from the bundle in force to the one before it. */
  rollBack(bundle: string, reason: string, options?: CommandOptions): Promise<AnswerOf<typeof policy.rollBack>> {
    const request = { params: { bundle }, body: { reason } };
    return this.session.call<typeof policy.rollBack>('POST /v1/policy/bundles/{bundle}/roll-back', request, options);
  }

  /** What the bundle in the shadow would have said otherwise, as the host that is asked has counted it. */
  async shadowed(options?: ReadOptions): Promise<PolicyShadow | undefined> {
    return (await this.session.call<typeof policy.shadowed>('GET /v1/policy/shadow', {}, options)).shadow;
  }

  /** What a bundle would have said otherwise of the last commands. */
  diff(bundle: string, last?: number, options?: ReadOptions): Promise<PolicyDiff> {
    const request = { params: { bundle }, body: { last } };
    return this.session.call<typeof policy.diff>('POST /v1/policy/bundles/{bundle}/diff', request, options);
  }

  /** Makes the decision behind a receipt (`stream@index`) again. */
  explain(receipt: string, options?: ReadOptions): Promise<PolicyExplanation> {
    return this.session.call<typeof policy.explain>('GET /v1/policy/explain', { query: { receipt } }, options);
  }
}
