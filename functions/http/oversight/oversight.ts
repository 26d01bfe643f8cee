/** `/v1/oversight`: who decides on which kind of action. */
import { z } from 'zod';
import { DEFAULT_RULES, MODES, rulesHash, SAFE_DEFAULTS } from '../../../app/oversight/oversight';
import type { OversightRules } from '../../../domain/oversight/oversight';
import { contextOf } from '../../edge/context';
import { route } from '../../edge/route';
import { commandAnswer, Electorate, Id, Impact, Receipt, Unit } from '../../edge/schemas';
import { accepted, runtime } from '../../runtime';

const TAGS = ['Oversight'];
const Params = z.object({ kind: Id });

const Seconds = z.number().min(1).max(2_592_000);
const People = z.array(Id).max(100);

const Rules = z
  .strictObject({
    mode: z.enum(MODES),
    veto_seconds: Seconds.optional().meta({
      description: 'With human_on_the_loop, and only then: how long people have to step in',
    }),
    thresholds: z.strictObject({ confidence: Unit, consensus: Unit, novelty: Unit, impact: Impact }).meta({
      description: 'A person is asked below this confidence and consensus, above this novelty, and from this impact on',
    }),
    acts_alone: z
      .strictObject({ confidence: Unit, risk: Unit })
      .optional()
      .meta({ description: 'It acts alone only above this confidence and below this risk' }),
    approvers: z
      .array(z.strictObject({ group: Id, members: People.default([]), deputies: People.optional(), seconds: Seconds }))
      .min(1)
      .max(10)
      .meta({ description: 'Asked one after the other, each group for its seconds' }),
    safe_default: z.enum(SAFE_DEFAULTS).meta({ description: 'What holds when nobody decided' }),
    round: Electorate.extend({
      when: z.enum(['always', 'escalated']),
      round_seconds: Seconds,
      improvement_rounds: z.int().min(0).max(5).default(0),
    })
      .optional()
      .meta({ description: 'The vote that agents hold before' }),
    holds_awards: z.boolean().optional().meta({
      description: 'Of the kind challenge, and only there: a challenged award is not accepted before it is decided',
    }),
  })
  .meta({ id: 'OversightRules' });

const KindRules = z
  .object({ kind: Id, rules: Rules, rules_hash: z.string().meta({ description: 'Decisions repeat it' }) })
  .meta({ id: 'KindRules' });

function shown(kind: string, rules: OversightRules): Record<string, unknown> {
  return { kind, rules, rules_hash: rulesHash(rules) };
}

route({
  name: 'listOversight',
  method: 'GET',
  path: '/v1/oversight',
  summary: 'The rules of every kind that has any, and those of all others',
  tags: TAGS,
  needs: 'read_only',
  responses: { 200: { description: 'By kind', schema: z.object({ value: z.array(KindRules), default: Rules }) } },
  async handler(call) {
    const { colony } = await runtime();
    const { state, version } = await colony.oversight.load(call.principal.tenant);
    const value = Object.entries(state.kinds).sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      status: 200,
      body: { value: value.map(([kind, rules]) => shown(kind, rules)), default: DEFAULT_RULES },
      etag: version < 0 ? undefined : version,
    };
  },
});

route({
  name: 'getOversight',
  method: 'GET',
  path: '/v1/oversight/{kind}',
  summary: 'The rules that hold for a kind of action',
  tags: TAGS,
  needs: 'read_only',
  params: Params,
  responses: { 200: { description: 'Its own, or the default', schema: KindRules } },
  async handler(call) {
    const { colony } = await runtime();
    const { kind } = call.params;
    return { status: 200, body: shown(kind, await colony.oversight.rules(call.principal.tenant, kind)) };
  },
});

route({
  name: 'setOversight',
  method: 'PUT',
  path: '/v1/oversight/{kind}',
  summary: 'Set the rules of a kind of action, whole',
  description: 'They hold for what is proposed from now on, and for each further step of what is under way.',
  tags: TAGS,
  needs: 'critical',
  params: Params,
  body: z.strictObject({ rules: Rules }),
  responses: { 200: { description: 'Set', schema: KindRules.extend({ receipt: Receipt }) } },
  async handler(call) {
    const { colony } = await runtime();
    const { kind } = call.params;
    const { rules } = call.body;
    return commandAnswer(accepted(await colony.oversight.configure(contextOf(call), kind, rules)), shown(kind, rules));
  },
});
