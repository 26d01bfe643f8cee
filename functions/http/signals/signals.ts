/** `/v1/signals`: emission, and the field that signals add up to (row 1.1). */
import { z } from 'zod';
import { isSignalType, type SignalOutcome } from '../../../app/signals/signals';
import { contextOf } from '../../edge/context';
import { Problem, type ProblemDocument, rejected } from '../../edge/problem';
import { route } from '../../edge/route';
import { batchAnswer, Id, Location, OpenObject, SENT_AGAIN, Timestamp, Unit, whole } from '../../edge/schemas';
import { runtime } from '../../runtime';

const TAGS = ['Signals'];

const Type = z
  .string()
  .refine(isSignalType, 'must be lower-case letters, digits and _ . -, beginning with a letter, at most 64')
  .meta({ example: 'resource_needed' });

const SignalInput = z
  .strictObject({
    type: Type,
    strength: Unit,
    location: Location,
    emitter_agent: Id.optional().meta({ description: 'By default the caller; an agent emits for itself only' }),
    timestamp: Timestamp.optional(),
    decay_rate: Unit.default(0.1).meta({ description: 'Share of its strength that evaporates in a minute' }),
  })
  .meta({ id: 'Signal' });

route({
  name: 'emitSignals',
  method: 'POST',
  path: '/v1/signals',
  summary: 'Emit signals',
  description: `One signal, or up to 1,000 in \`signals\`. Each is taken in or refused on its own. ${SENT_AGAIN}`,
  conditional: false,
  tags: TAGS,
  needs: 'read_write',
  body: z.union([SignalInput, z.strictObject({ signals: z.array(SignalInput).min(1).max(1_000) })]),
  responses: {
    200: {
      description: "Each trail's strength after the signal, and its receipt",
      schema: z.object({ value: z.array(OpenObject) }),
    },
  },
  async handler(call) {
    const { colony } = await runtime();
    const { body } = call;
    const inputs = 'signals' in body ? body.signals : [body];
    const { principal, command, traceparent } = contextOf(call);
    const outcomes = await colony.signals.emit({ principal, command, traceparent }, inputs);
    if (!('signals' in body)) {
      const [only] = outcomes;
      if (only !== undefined && !only.ok) throw rejected(only.rejection);
    }
    return batchAnswer(outcomes.map(show));
  },
});

function show(outcome: SignalOutcome): Record<string, unknown> & { readonly problem?: ProblemDocument } {
  if (!outcome.ok) return { problem: rejected(outcome.rejection).document };
  const { ok: _, ...receipt } = outcome;
  return receipt;
}

route({
  name: 'readField',
  method: 'GET',
  path: '/v1/signals',
  summary: 'The strongest signals here, now',
  tags: TAGS,
  needs: 'read_only',
  query: z.object({
    location: Location.optional().meta({ description: 'This place and everything below it' }),
    type: Type.optional(),
    minimum: z
      .string()
      .regex(/^(0|1|0?\.\d{1,9}|1\.0+)$/, 'must be a number from 0 to 1')
      .transform(Number)
      .optional(),
    limit: whole(1, 1_000, 50),
  }),
  responses: {
    200: {
      description: 'Trails, strongest first',
      schema: z.object({ value: z.array(OpenObject), complete: z.boolean() }),
    },
  },
  async handler(call) {
    const { colony } = await runtime();
    const { trails, complete } = await colony.signals.field(call.principal.tenant, call.query);
    return { status: 200, body: { value: trails, complete } };
  },
});

route({
  name: 'readTrail',
  method: 'GET',
  path: '/v1/signals/{type}/{*location}',
  summary: 'One trail, now or as it was',
  tags: TAGS,
  needs: 'read_only',
  params: z.object({ type: Type, location: Location }),
  query: z.object({ asOf: Timestamp.optional() }),
  responses: { 200: { description: 'The trail; a live fold of its stream', schema: OpenObject } },
  async handler(call) {
    const { colony } = await runtime();
    const { type, location } = call.params;
    const trail = await colony.signals.trail(call.principal.tenant, type, location, call.query.asOf);
    if (trail === undefined)
      throw Problem.of(
        'not-found',
        `Nobody has emitted ${type} at ${location}${call.query.asOf === undefined ? '' : ` by ${call.query.asOf}`}.`,
      );
    return { status: 200, body: trail, etag: trail.version };
  },
});
