/** `/v1/policy`: which bundle of rules judges every command, how another comes into force, and what it would change. */
import { z } from 'zod';
import { POLICY_DECISIONS } from '../../domain/kernel/commit';
import { MAX_REFERENCE } from '../../domain/kernel/ids';
import { LEVELS, PRINCIPAL_KINDS } from '../../domain/kernel/principal';
import { OBLIGATIONS } from '../../domain/policy/asking';
import { EXPLAINED } from '../../domain/policy/replay';
import { BUNDLE_PATTERN, MAX_POLICY_REASON } from '../../domain/policy/rollout';
import { PLATFORM } from '../../domain/stops/stop';
import { At, CommandOf, Continuation, Count, List, Text, whole } from '../common';
import { contract } from '../route';
import { POLICY_REFUSALS } from './problems';

const tag = {
  name: 'Policy',
  description:
    'The rules that every command is put to, as a bundle that rolls out like code: staged by one person, compared in the shadow of the one in force, activated by a second person, rolled back. A bundle holds for all tenants, so people of the tenant `platform` decide on it. Each receipt names the bundle that allowed it.',
  refusals: POLICY_REFUSALS,
};

/** Receipts that a comparison asks again at most. */
export const MAX_REPLAYED = 100_000;
export const USUALLY_REPLAYED = 10_000;
/** Bytes of a request that stages a bundle: what a host takes. */
const STAGE_BYTES = 8_000_000;

export const BundleName = z
  .string()
  .regex(BUNDLE_PATTERN, 'must be the name of a bundle: 64 hexadecimal digits in lower case')
  .meta({ description: "SHA-256 of the manifest's canonical form (RFC 8785)", example: '5f'.repeat(32) });

const reason = Text(MAX_POLICY_REASON).meta({ description: 'It stands on the receipt' });
export const POLICY_STATUSES = ['in_force', 'shadow', 'staged', 'before'] as const;

export const PolicyBundle = z
  .object({
    bundle: BundleName,
    status: z
      .enum(POLICY_STATUSES)
      .meta({ description: '`before`: what a rollback would go back to, and those before that' }),
    version: z.string().optional().meta({ description: 'What its authors call it, where it is staged' }),
    bytes: Count.optional().meta({ description: 'Of all its files, where it is staged' }),
    since: At.optional().meta({ description: 'Since when it is that; absent where nobody has activated it: it ships' }),
    by: z.string().optional(),
    via: z.string().optional(),
    reason: z.string().optional(),
  })
  .meta({ id: 'PolicyBundle' });

export const Policy = z
  .object({
    in_force: PolicyBundle,
    revision: z.string().optional().meta({ description: 'What its authors call it; absent while it is not loaded' }),
    shipped: BundleName.meta({
      description: 'What ships with this program: in force until somebody activates another',
    }),
    shadow: BundleName.optional(),
    entrypoints: z
      .record(z.string(), z.array(z.string()))
      .meta({ description: 'By rule, the actions that it answers; every other action is denied' }),
    trouble: z
      .string()
      .optional()
      .meta({ description: 'Why this process acts on nothing: the bundle could not be loaded' }),
  })
  .meta({ id: 'Policy' });

const Obligation = z.discriminatedUnion('must', [
  z.object({ must: z.literal(OBLIGATIONS[0]) }),
  z.object({ must: z.enum([OBLIGATIONS[1], OBLIGATIONS[2]]), fields: z.array(z.string()) }),
  z.object({ must: z.literal(OBLIGATIONS[3]), attribute: z.string(), most: z.number() }),
]);

const Verdict = z.object({
  decision: z.enum(POLICY_DECISIONS),
  reasons: z.array(z.string()),
  entrypoint: z.string().optional().meta({ description: 'The rule that answered' }),
  obligations: z.array(Obligation).optional().meta({ description: 'Under which conditions it is allowed' }),
});

const Compared = z
  .object({
    action: z.string(),
    asked: Count,
    differing: Count,
    changes: z
      .record(z.string(), Count)
      .meta({ description: 'How many differ in which way', example: { 'allow → deny': 3 } }),
    examples: z
      .array(
        z.object({
          at: At,
          tenant: z.string(),
          principal: z.string(),
          resource: z.string().meta({ description: 'The stream that was, or would be, written' }),
          receipt: z.string().optional().meta({ description: '`stream@index`, where there is one' }),
          in_force: Verdict,
          compared: Verdict,
        }),
      )
      .meta({ description: 'The first differences' }),
  })
  .meta({ id: 'PolicyCompared' });

export const PolicyDiff = z
  .object({
    in_force: BundleName,
    bundle: BundleName,
    receipts: Count.meta({ description: 'How many were looked at' }),
    asked: Count.meta({ description: 'How many of them keep what was asked: the others could not be asked again' }),
    left_out: Count.meta({
      description: 'Refused commands that left no receipt, since there were too many in a second',
    }),
    differing: Count,
    actions: z.array(Compared).meta({ description: 'Those with most differences first' }),
  })
  .meta({ id: 'PolicyDiff' });

export const PolicyShadow = z
  .object({
    bundle: BundleName,
    in_force: BundleName,
    asked: Count,
    not_compared: Count.meta({ description: 'Questions that came faster than they could be compared' }),
    actions: z.array(Compared),
  })
  .meta({ id: 'PolicyShadow' });

export const PolicyExplanation = z
  .object({
    receipt: z.string(),
    at: At,
    action: z.string(),
    principal: z.string(),
    stands: z
      .object({
        bundle: z.string(),
        decision: z.enum(POLICY_DECISIONS),
        entrypoint: z.string().optional(),
        input: z.string().meta({ description: 'SHA-256 of what was asked' }),
      })
      .meta({ description: 'What stands on the receipt' }),
    reasons: z.array(z.string()).optional().meta({ description: 'What stands there as reasons, of what was refused' }),
    outcome: z.enum(EXPLAINED).meta({
      description:
        '`agrees`: the bundle answers the same again. `differs`: it does not. `other-input`: what the receipt keeps is not what was asked, by its hash. `no-input`: it keeps nothing of that. `no-bundle`: the bundle is not kept here',
    }),
    text: z.string(),
    request: z
      .object({
        principal: z.object({
          tenant: z.string(),
          id: z.string(),
          kind: z.enum(PRINCIPAL_KINDS),
          level: z.enum(LEVELS),
          groups: z.array(z.string()).optional(),
          via: z.string().optional(),
        }),
        action: z.string(),
        resource: z.string(),
        now: z.int().meta({ description: 'When it was asked, in milliseconds since the epoch' }),
        attributes: z.record(z.string(), z.unknown()).optional(),
      })
      .optional()
      .meta({ description: 'What was asked' }),
    again: Verdict.extend({ input: z.string() }).optional().meta({ description: 'What the bundle says of it now' }),
    revision: z.string().optional(),
  })
  .meta({ id: 'PolicyExplanation' });

/** A file, as Base64. */
const File = z.base64().min(4).meta({ description: 'The file, as Base64' });

const params = z.object({ bundle: BundleName });
const WHY = z.strictObject({ reason });
const example = {
  tenant: PLATFORM,
  params: { bundle: '5f'.repeat(32) },
  body: { reason: 'finance asked for it' },
} as const;

const steering = { method: 'POST', tag, params, answer: CommandOf({ policy: Policy }) } as const;

export const policy = contract({
  get: {
    name: 'getPolicy',
    method: 'GET',
    path: '/v1/policy',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'Which bundle of rules is in force',
    answer: Policy,
    answers: 'As this process has it',
    example: {},
  },
  list: {
    name: 'listPolicyBundles',
    method: 'GET',
    path: '/v1/policy/bundles',
    tag,
    needs: 'read_only',
    refuses: ['platform-decides', 'policy-author-needed'],
    summary: 'The bundles that are in force, staged, in the shadow, or can be gone back to',
    query: z.object({ limit: whole(1, 100, 100), continuation: Continuation }),
    answer: List(PolicyBundle),
    answers: 'The one in force first',
    example: { tenant: PLATFORM },
  },
  stage: {
    name: 'stagePolicy',
    method: 'POST',
    path: '/v1/policy/bundles',
    tag,
    needs: 'read_write',
    refuses: ['platform-decides', 'policy-author-needed', 'policies-full', 'policy-in-force', 'bundle-invalid'],
    summary: 'Stage a bundle',
    description:
      'It is loaded, asked all that it answers, and kept for ever under its name. What can not be loaded is refused, with why. Nothing is judged by it yet.',
    body: z.strictObject({
      files: z.strictObject({ 'policy.wasm': File, 'data.json': File, 'manifest.json': File }),
      reason,
    }),
    bodyLimit: STAGE_BYTES,
    status: 201,
    answer: CommandOf({ bundle: BundleName, policy: Policy }),
    answers: 'Staged, or it was before',
    example: {
      tenant: PLATFORM,
      body: {
        files: { 'policy.wasm': 'AGFzbQ==', 'data.json': 'e30=', 'manifest.json': 'e30=' },
        reason: 'new limits',
      },
    },
  },
  withdraw: {
    ...steering,
    name: 'withdrawPolicy',
    path: '/v1/policy/bundles/{bundle}/withdraw',
    needs: 'read_write',
    refuses: ['platform-decides', 'policy-author-needed'],
    summary: 'Take a staged bundle back, out of the shadow too',
    body: WHY,
    answers: 'It is staged no more',
    example,
  },
  shadow: {
    ...steering,
    name: 'shadowPolicy',
    path: '/v1/policy/bundles/{bundle}/shadow',
    needs: 'read_write',
    refuses: ['platform-decides', 'policy-author-needed', 'policy-not-staged'],
    summary: 'Put a staged bundle in the shadow of the one in force',
    description: 'It is asked what that one is asked, and decides nothing. Whatever stood there before leaves it.',
    body: WHY,
    answers: 'Each process counts from now on, and within a second, what it would say otherwise',
    example,
  },
  activate: {
    ...steering,
    name: 'activatePolicy',
    path: '/v1/policy/bundles/{bundle}/activate',
    needs: 'read_write',
    refuses: [
      'platform-decides',
      'policy-author-needed',
      'person-activates',
      'policy-not-staged',
      'policy-not-shadowed',
      'second-person-activates',
    ],
    summary: 'Bring a staged bundle into force, as the second person',
    description:
      'Not the one who has staged it. It has stood in the shadow, unless `urgent` says that it need not: that stands on the receipt.',
    body: z.strictObject({ reason, urgent: z.boolean().default(false) }),
    answers: 'It judges here from now on, and within a second everywhere',
    example,
  },
  rollBack: {
    ...steering,
    name: 'rollBackPolicy',
    path: '/v1/policy/bundles/{bundle}/roll-back',
    needs: 'read_write',
    refuses: [
      'platform-decides',
      'policy-author-needed',
      'person-activates',
      'policy-not-in-force',
      'policy-nothing-before',
    ],
    summary: 'Go back from the bundle in force to the one before it',
    description:
      'One person is enough. It names the bundle that it means, so that two who do it at once go back one step.',
    body: WHY,
    answers: 'The one before judges here from now on, and within a second everywhere',
    example,
  },
  shadowed: {
    name: 'readPolicyShadow',
    method: 'GET',
    path: '/v1/policy/shadow',
    tag,
    needs: 'read_only',
    refuses: ['platform-decides', 'policy-author-needed'],
    summary: 'What the bundle in the shadow would have said otherwise',
    answer: z.object({ shadow: PolicyShadow.optional() }),
    answers: 'What the process that is asked has counted since it began, or since either bundle is what it is',
    example: { tenant: PLATFORM },
  },
  diff: {
    name: 'diffPolicy',
    method: 'POST',
    path: '/v1/policy/bundles/{bundle}/diff',
    tag,
    needs: 'read_only',
    refuses: ['platform-decides', 'policy-author-needed', 'unknown-bundle'],
    summary: 'What a bundle would have said otherwise of the last commands',
    description:
      'What was asked behind the last receipts of all tenants, refusals included, is put to the bundle in force and to this one. It changes nothing, and takes some microseconds for each.',
    params,
    body: z.strictObject({ last: z.int().min(1).max(MAX_REPLAYED).default(USUALLY_REPLAYED) }),
    work: 'read',
    cost: ({ last }: { readonly last: number }) => Math.ceil(last / 100),
    answer: PolicyDiff,
    answers: 'By action, with the first differences',
    example: { ...example, body: { last: 1_000 } },
  },
  explain: {
    name: 'explainPolicy',
    method: 'GET',
    path: '/v1/policy/explain',
    tag,
    needs: 'read_only',
    refuses: ['unknown-receipt'],
    summary: 'Make the decision behind a receipt again',
    description:
      'The bundle that the receipt names is asked again what was asked then, and the answer is held against what stands there.',
    query: z.object({ receipt: z.string().min(1).max(MAX_REFERENCE).meta({ example: 'default/task/invoice-4711@0' }) }),
    answer: PolicyExplanation,
    answers: 'Whether it agrees; where it can not be asked again, why not',
    example: { query: { receipt: 'default/task/invoice-4711@0' } },
  },
});
