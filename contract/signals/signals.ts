/** `/v1/signals`: emission, and the field that signals add up to. */
import { z } from 'zod';
import { grouped } from '../../domain/kernel/text';
import { MAX_SIGNALS, SIGNAL_TYPE } from '../../domain/signals/trail';
import {
  AsOf,
  At,
  Count,
  Found,
  Id,
  Location,
  NumberInText,
  Problem,
  SENT_AGAIN,
  Timestamp,
  Unit,
  whole,
} from '../common';
import { contract } from '../route';
import { SIGNALS_REFUSALS } from './problems';

const tag = {
  name: 'Signals',
  description:
    'Agents leave signals at places, and perceive the field that these add up to. A signal of one type at one place strengthens a trail, which evaporates with time.',
  refusals: SIGNALS_REFUSALS,
};

// ------------------------------------------------------------------------------------------------- what is sent

const Type = z
  .string()
  .regex(SIGNAL_TYPE, 'must be lower-case letters, digits and _ . -, beginning with a letter, at most 64')
  .meta({ example: 'resource_needed' });

export const SignalInput = z
  .strictObject({
    type: Type,
    strength: Unit,
    location: Location,
    emitter_agent: Id.optional().meta({ description: 'By default the caller; an agent emits for itself only' }),
    timestamp: Timestamp.optional(),
    decay_rate: Unit.default(0.1).meta({ description: 'Share of its strength that evaporates in a minute' }),
  })
  .meta({ id: 'Signal' });

export const FieldFilter = z.object({
  location: Location.optional().meta({ description: 'This place and everything below it' }),
  type: Type.optional(),
  minimum: NumberInText({ min: 0, max: 1 }).optional(),
  limit: whole(1, 1_000, 50),
});

// --------------------------------------------------------------------------------------------- what is answered

const Stream = z.string().meta({ description: 'tenant/trail/id' });

export const Emitted = z
  .object({
    type: z.string(),
    location: z.string(),
    strength: Unit.meta({ description: 'Of the trail right after the signal' }),
    stream: Stream,
    version: Count.meta({ description: 'Index of the commit that holds the signal' }),
    hash: z.string(),
  })
  .meta({ id: 'Emitted', description: 'What came of a signal' });

const NotEmitted = z
  .object({ problem: Problem })
  .meta({ id: 'NotEmitted', description: 'The problem that kept a signal out' });

export const Trail = z
  .object({
    type: z.string(),
    location: z.string(),
    strength: Unit.meta({ description: 'Rounded to six decimals; 0 when it is gone' }),
    decay_rate: Unit.meta({ description: 'Share of its strength that evaporates in a minute' }),
    emitter_agent: z.string().meta({ description: 'Who emitted last' }),
    emissions: Count.meta({ description: 'Signals ever taken in' }),
    reinforced_at: At.meta({ description: 'When it was last strengthened' }),
    gone_at: At.nullable().meta({ description: 'When it will be, or was, gone; null: never' }),
  })
  .meta({ id: 'Trail', description: 'All signals of one type at one place, as they are perceived at one time' });

export const TrailReading = Trail.extend({ stream: Stream, version: Count, hash: z.string() }).meta({
  id: 'TrailReading',
  description: 'A trail with its place in its stream',
});

// ----------------------------------------------------------------------------------------------------- the routes

export const signals = contract({
  emit: {
    name: 'emitSignals',
    method: 'POST',
    path: '/v1/signals',
    tag,
    needs: 'read_write',
    work: 'new',
    summary: 'Emit signals',
    description: `One signal, or up to ${grouped(MAX_SIGNALS)} in \`signals\`. Each is taken in or refused on its own. ${SENT_AGAIN}`,
    conditional: false,
    body: z.union([SignalInput, z.strictObject({ signals: z.array(SignalInput).min(1).max(MAX_SIGNALS) })]),
    cost: (body: object) => ('signals' in body ? Math.max(1, (body.signals as readonly unknown[]).length / 10) : 1),
    answer: z.object({ value: z.array(z.union([Emitted, NotEmitted])) }),
    answers: "Each trail's strength after the signal, and its receipt",
    example: { as: 'recon-7', body: { type: 'resource_needed', strength: 0.8, location: 'finance/ledger' } },
  },
  field: {
    name: 'readField',
    method: 'GET',
    path: '/v1/signals',
    tag,
    needs: 'read_only',
    summary: 'The strongest signals here, now',
    query: FieldFilter,
    answer: Found(Trail),
    answers: 'Trails, strongest first',
    example: { query: { location: 'finance', minimum: 0.5, limit: 10 } },
  },
  trail: {
    name: 'readTrail',
    method: 'GET',
    path: '/v1/signals/{type}/{*location}',
    tag,
    needs: 'read_only',
    summary: 'One trail, now or as it was',
    params: z.object({ type: Type, location: Location }),
    query: AsOf,
    answer: TrailReading,
    answers: 'The trail; a live fold of its stream',
    example: { params: { type: 'resource_needed', location: 'finance/ledger' } },
  },
});
